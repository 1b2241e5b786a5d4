package compositor

import (
	"math"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
)

// spread is the mean and the standard deviation of luma in the middle of a face of the given colour, with the patch's texels px wide.
func spread(t *testing.T, px float64, r, g, b uint8) (mean, sigma float64) {
	t.Helper()
	pic := frame.New(frame.Y444, 400, 400)
	s := placed(flatPatch(128, r, g, b), 200, 200, 128*px, 0)
	s.Grow = 1
	if _, err := New().Compose(pic, s); err != nil {
		t.Fatal(err)
	}
	var sum, square, n float64
	for y := 180; y < 220; y++ {
		for x := 180; x < 220; x++ {
			v := float64(get(pic, 0, x, y))
			sum, square, n = sum+v, square+v*v, n+1
		}
	}
	return sum / n, math.Sqrt(max(0, square/n-sum*sum/n/n))
}

// Skin of a magnified face has fine shading that leaves its brightness; at the generator's own size, and on what is no skin, there is none.
func TestPores(t *testing.T) {
	for _, tc := range []struct {
		name        string
		px          float64
		r, g, b     uint8
		least, most float64 // deviation of luma, codes
	}{
		{"magnified skin", 2, 210, 160, 130, .8, 3},
		{"magnified dark skin", 2, 110, 75, 55, .4, 2},
		{"skin at the generator's size", 1, 210, 160, 130, 0, 0},
		{"magnified teeth", 2, 215, 208, 200, 0, 0},
		{"magnified white of an eye", 2, 200, 200, 205, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			mean, sigma := spread(t, tc.px, tc.r, tc.g, tc.b)
			if sigma < tc.least || sigma > tc.most+.3 { // rounding
				t.Errorf("deviation %.2f, want %v to %v", sigma, tc.least, tc.most)
			}
			if plain, _ := spread(t, 1, tc.r, tc.g, tc.b); math.Abs(mean-plain) > 1 {
				t.Errorf("mean %.1f, want %.1f", mean, plain)
			}
		})
	}
}

// The jaw's shadow darkens the rim below the chin, whichever way the head is tilted, and no other part of it.
func TestJawShadow(t *testing.T) {
	for _, tc := range []struct {
		name        string
		degrees     float64
		chin, crown [2]int // px on the rim
	}{{"upright", 0, [2]int{200, 1}, [2]int{200, -1}}, {"on its side", 90, [2]int{-1, 200}, [2]int{1, 200}}} {
		t.Run(tc.name, func(t *testing.T) {
			pic := frame.New(frame.Y444, 400, 400)
			for i := range pic.Planes[0].Data {
				pic.Planes[0].Data[i] = 120
			}
			s := placed(flatPatch(128, 120, 120, 120), 200, 200, 256, tc.degrees)
			s.Grow = 1
			if _, err := New().Compose(pic, s); err != nil {
				t.Fatal(err)
			}
			flat := get(pic, 0, 200, 200)
			darkest := func(way [2]int) int {
				least := flat
				for d := 20; d < 190; d++ {
					x, y := 200, 200
					if way[0] == 200 {
						y += d * way[1]
					} else {
						x += d * way[0]
					}
					least = min(least, get(pic, 0, x, y))
				}
				return least
			}
			if v := darkest(tc.chin); v > min(flat, 120)-8 {
				t.Errorf("below the chin nothing is darker than %d; the face is %d", v, flat)
			}
			if v := darkest(tc.crown); v < min(flat, 120)-2 {
				t.Errorf("above the forehead it is as dark as %d; the face is %d", v, flat)
			}
		})
	}
}

// The rim is wider above the forehead, whichever way the head is tilted: there the person's own goes on in another tone.
func TestForeheadsFadeOut(t *testing.T) {
	for _, degrees := range []float64{0, 90, 180} {
		pic := frame.New(frame.Y444, 400, 400)
		s := placed(flatPatch(128, 200, 200, 200), 200, 200, 256, degrees)
		s.Grow = 1
		if _, err := New().Compose(pic, s); err != nil {
			t.Fatal(err)
		}
		face := get(pic, 0, 200, 200)
		// How many px lie between nearly the face and nearly nothing of it.
		rim := func(turn float64) (n int) {
			sin, cos := math.Sincos((degrees + turn) * math.Pi / 180)
			for d := 20.; d < 195; d++ {
				if v := get(pic, 0, int(200-d*sin), int(200+d*cos)); v > face/20 && v < face*3/5 {
					n++
				}
			}
			return n
		}
		if crown, side := rim(180), rim(90); float64(crown) < 1.6*float64(side) || side == 0 {
			t.Errorf("%v degrees: the rim is %d px wide above the forehead, %d at the temple", degrees, crown, side)
		}
	}
}
