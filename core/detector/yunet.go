package detector

import (
	"fmt"
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

// yuNet decodes YuNet: three grids (strides 8, 16, 32) with class and object scores, box and points relative to the cell.
// Source: Wu, Peng, Yu, "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 20, 2023, section 3.
type yuNet struct{ in string }

func (yuNet) name() string    { return "yunet" }
func (y yuNet) input() string { return y.in }
func (yuNet) bgr() bool       { return true }
func (yuNet) score() float64  { return .6 }

// yuNetOutputs are the tensors' names by stride: class score, object score, box, points.
var yuNetOutputs = [3]struct {
	stride             int
	cls, obj, bbox, kp string
}{
	{8, "cls_8", "obj_8", "bbox_8", "kps_8"},
	{16, "cls_16", "obj_16", "bbox_16", "kps_16"},
	{32, "cls_32", "obj_32", "bbox_32", "kps_32"},
}

func (yuNet) shapes(w, h int64) map[string][]int64 {
	s := map[string][]int64{}
	for _, o := range yuNetOutputs {
		n := (w / int64(o.stride)) * (h / int64(o.stride))
		s[o.cls], s[o.obj], s[o.bbox], s[o.kp] = []int64{1, n, 1}, []int64{1, n, 1}, []int64{1, n, 4}, []int64{1, n, 10}
	}
	return s
}

func (yuNet) decode(data func(string) []float32, w, h int, score float64, out []Detection) ([]Detection, error) {
	for _, o := range yuNetOutputs {
		gw, gh, s := w/o.stride, h/o.stride, float64(o.stride)
		n := gw * gh
		var grids [4][]float32
		for i, name := range [4]string{o.cls, o.obj, o.bbox, o.kp} {
			v, err := output(data, name, n*[4]int{1, 1, 4, 10}[i])
			if err != nil {
				return nil, fmt.Errorf("yunet stride %d: %w", o.stride, err)
			}
			grids[i] = v
		}
		for i := range n {
			p := math.Sqrt(unit(grids[0][i]) * unit(grids[1][i]))
			if p <= score {
				continue
			}
			col, row := float64(i%gw), float64(i/gw)
			b, k := grids[2][4*i:4*i+4], grids[3][10*i:10*i+10]
			cx, cy := (col+float64(b[0]))*s, (row+float64(b[1]))*s
			bw, bh := extent(b[2], s, w), extent(b[3], s, h)
			d := Detection{Box: frame.Rect{X0: cx - bw/2, Y0: cy - bh/2, X1: cx + bw/2, Y1: cy + bh/2}, Score: p}
			for j := range d.Points {
				d.Points[j] = frame.Point{X: (col + float64(k[2*j])) * s, Y: (row + float64(k[2*j+1])) * s}
			}
			out = append(out, d)
		}
	}
	return out, nil
}

func unit(v float32) float64 { return min(max(float64(v), 0), 1) }
