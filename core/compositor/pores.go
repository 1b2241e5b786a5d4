package compositor

import "math/rand/v2"

// Pores: the generator has no skin finer than its texels, and a face of more pixels than it has texels shows wax. Such a face gets a fixed
// pattern of fine shading, the same for every surrogate and every person, which lies on the patch and moves with it. It shades skin alone:
// eyes, teeth and brows stay as they are.

const (
	poreSide = 128 // texels, then the pattern repeats
	// Depth of the shading, as a deviation in parts of the brightness, by eye on portraits of 350 to 600 px: skin at that size differs by
	// three to five parts in a hundred from its own blur.
	poreFine   = 0.012
	poreCoarse = 0.010
	poreFull   = 1.5 // magnification from which all of it shows; none at 1
)

// pores is the pattern: white noise of one texel with a tail towards dark, and a coarser mottle.
var pores = func() (t [poreSide * poreSide]float32) {
	r := rand.New(rand.NewPCG(0x6b73616d, 0x706f7265))
	var coarse [poreSide * poreSide]float32
	for i := range t {
		t[i], coarse[i] = float32(r.NormFloat64()), float32(r.NormFloat64())
	}
	for range 3 { // thrice a box of 5 × 5: a mottle of some five texels
		coarse = boxed(coarse, 2)
	}
	const spread = 5 * 1.86 // a box of 5 × 5, thrice, leaves this part of white noise's deviation (measured)
	for i, v := range t {
		if v < 0 {
			v *= 1 + min(.6, -.2*v) // pits
		}
		t[i] = poreFine*v + poreCoarse*spread*coarse[i]
	}
	return t
}()

// boxed is the mean over (2r+1)² texels around each, the pattern repeating.
func boxed(p [poreSide * poreSide]float32, r int) (out [poreSide * poreSide]float32) {
	for y := range poreSide {
		for x := range poreSide {
			var sum float32
			for dy := -r; dy <= r; dy++ {
				for dx := -r; dx <= r; dx++ {
					sum += p[(y+dy+poreSide)%poreSide*poreSide+(x+dx+poreSide)%poreSide]
				}
			}
			out[y*poreSide+x] = sum / float32((2*r+1)*(2*r+1))
		}
	}
	return out
}

// poreStrength is how much of the pattern a texture of texels px pixels wide shows.
func poreStrength(px float64) float32 {
	return float32(min(1, max(0, (px-1)/(poreFull-1))))
}

// poreRow is the pattern's row at texel row y.
func poreRow(y int) *[poreSide]float32 { return (*[poreSide]float32)(pores[y&(poreSide-1)*poreSide:]) }

// pored shades a colour of the patch, 0..255, at texel x of a row, k of the full depth. Grey is no skin: what has a fifth more red than blue
// is, what has less than a tenth is not.
func (s *texel) pored(row *[poreSide]float32, x int, k float32) {
	skin := 10*(s.r-s.b) - s.r
	if skin <= 0 {
		return
	}
	k *= row[x&(poreSide-1)]
	if skin < s.r {
		k *= skin / s.r
	}
	k++
	s.r, s.g, s.b = s.r*k, s.g*k, s.b*k
}
