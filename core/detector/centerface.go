package detector

import (
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

// centerFace decodes CenterFace: every fourth pixel has a score (537), the logarithms of height and width (538), the
// centre's offset (539) and five points in box units (540), each as (y, x).
// Source: Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019, section 3.2.
type centerFace struct{ in string }

func (centerFace) name() string    { return "centerface" }
func (c centerFace) input() string { return c.in }
func (centerFace) bgr() bool       { return false }
func (centerFace) score() float64  { return .35 }

func (centerFace) shapes(w, h int64) map[string][]int64 {
	w, h = w/4, h/4
	return map[string][]int64{"537": {1, 1, h, w}, "538": {1, 2, h, w}, "539": {1, 2, h, w}, "540": {1, 10, h, w}}
}

func (centerFace) decode(data func(string) []float32, w, h int, score float64, out []Detection) ([]Detection, error) {
	const stride = 4
	gw, gh := w/stride, h/stride
	n := gw * gh
	heat, err := output(data, "537", n)
	if err != nil {
		return nil, err
	}
	size, err := output(data, "538", 2*n)
	if err != nil {
		return nil, err
	}
	offset, err := output(data, "539", 2*n)
	if err != nil {
		return nil, err
	}
	points, err := output(data, "540", 10*n)
	if err != nil {
		return nil, err
	}
	for i, p := range heat {
		if float64(p) <= score {
			continue
		}
		bh, bw := extent(size[i], stride, h), extent(size[n+i], stride, w)
		cy := (float64(i/gw) + float64(offset[i]) + .5) * stride
		cx := (float64(i%gw) + float64(offset[n+i]) + .5) * stride
		d := Detection{Box: frame.Rect{X0: cx - bw/2, Y0: cy - bh/2, X1: cx + bw/2, Y1: cy + bh/2}, Score: float64(p)}
		for k := range d.Points {
			d.Points[k] = frame.Point{
				X: d.Box.X0 + float64(points[(2*k+1)*n+i])*bw,
				Y: d.Box.Y0 + float64(points[2*k*n+i])*bh,
			}
		}
		out = append(out, d)
	}
	return out, nil
}

// extent is a box side from its logarithm, cut to four times the input's side: a wild but finite logarithm must give a
// box that still covers something.
func extent(log float32, stride float64, side int) float64 {
	return min(math.Exp(float64(log))*stride, 4*float64(side))
}
