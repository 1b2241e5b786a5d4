package recognizer

import "math"

// Quality is the product of four factors, each 0..1. It is a weight for means, not a probability.
//   - size: the mean same-person similarity at that face width over the one at 64 px and more (table sizeFactor);
//   - pose: cos² of the turn, stretched so that it is .5 at 40° of yaw or 25° of pitch; recognisers fade there;
//   - sharpness: fine detail over contrast of the aligned face, saturating at what sharp portraits show;
//   - presence: of the mesh; a face that the mesh doubts is a bad witness.

// sizeFactor: measured on 1830 pairs with the probe shrunk: similarity .38 at 16 px, .55 at 24, .62 at 32, .67 from 64.
var sizeFactor = [...]struct{ width, factor float64 }{{16, .57}, {24, .82}, {32, .93}, {64, 1}}

func grade(width float64, f Face, sharp float64) float64 {
	q := interpolate(width) * pose(f.Yaw, 40) * pose(f.Pitch, 25) * min(1, sharp/sharpFace) * min(1, max(0, f.Presence))
	if math.IsNaN(q) {
		return 0 // a witness of unknown quality counts for nothing
	}
	return q
}

func interpolate(width float64) float64 {
	a := sizeFactor[0]
	for _, b := range sizeFactor[1:] {
		if width < b.width {
			return max(0, a.factor+(b.factor-a.factor)*(width-a.width)/(b.width-a.width))
		}
		a = b
	}
	return a.factor
}

// pose falls from 1 at 0° through .5 at half degrees to 0 at twice half.
func pose(degrees, half float64) float64 {
	c := math.Cos(min(math.Abs(degrees)/half, 2) * math.Pi / 4)
	return c * c
}

// sharpFace is the sharpness from which a face counts as sharp; five real portraits, 93 to 341 px wide, have .33 to .55.
const sharpFace = .3

// sharpness is the root mean square of the Laplacian of G over that of G's contrast, in the middle of an aligned
// side×side R'G'B' planar face (G stands for luma). A blur of standard deviation s px lowers it about as 1/s².
func sharpness(rgb []float32, side int) float64 {
	g := rgb[side*side : 2*side*side]
	margin := side / 7 // the face fills the rest of either chip, a little lower than its middle
	var mean, square, detail, n float64
	for y := side/14 + margin; y < side-side/14; y++ {
		for x := margin; x < side-margin; x++ {
			i := y*side + x
			v := float64(g[i])
			l := float64(g[i-1]+g[i+1]+g[i-side]+g[i+side]) - 4*v
			mean, square, detail, n = mean+v, square+v*v, detail+l*l, n+1
		}
	}
	variance := square/n - mean*mean/(n*n)
	if !(variance > 1) { // flatter than one grey level: nothing to see
		return 0
	}
	return math.Sqrt(detail / n / variance)
}
