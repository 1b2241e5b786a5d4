package compositor

import "github.com/ksamenet/ksamenet/core/frame"

// reader turns single pixels of any layout into Y', Cb, Cr.
type reader struct {
	pic    *frame.Picture
	codes  [3]codes
	kr, kb float64
}

func newReader(pic *frame.Picture) reader {
	r := reader{pic: pic}
	r.kr, r.kb = luma(pic.Matrix)
	for i := range pic.Layout.Colors() {
		r.codes[i] = componentCodes(pic, i)
	}
	return r
}

// row is the row of component c that serves row y of the picture: of the same field, when there are two.
func (r *reader) row(c frame.Component, y int) int {
	if c.SubY == 0 || r.pic.Fields == frame.Progressive {
		return y >> c.SubY
	}
	_, h := r.size(c)
	return min(h-1, y>>1>>c.SubY<<1|y&1)
}

func (r *reader) size(c frame.Component) (w, h int) {
	return (r.pic.W + 1<<c.SubX - 1) >> c.SubX, (r.pic.H + 1<<c.SubY - 1) >> c.SubY
}

// luma is Y' alone.
func (r *reader) luma(x, y int) float64 {
	if r.pic.Layout.RGB {
		v, _, _ := r.at(x, y)
		return v
	}
	c := r.pic.Layout.Components[0]
	return (float64(sampleAt(&r.pic.Planes[c.Plane], c, x, y)) - r.codes[0].zero) / r.codes[0].span
}

func (r *reader) at(x, y int) (luma, cb, cr float64) {
	var v [3]float64
	for i := range r.pic.Layout.Colors() {
		c := r.pic.Layout.Components[i]
		code := sampleAt(&r.pic.Planes[c.Plane], c, x>>c.SubX, r.row(c, y))
		v[i] = (float64(code) - r.codes[i].zero) / r.codes[i].span
	}
	if !r.pic.Layout.RGB {
		return v[0], v[1], v[2]
	}
	luma = r.kr*v[0] + (1-r.kr-r.kb)*v[1] + r.kb*v[2]
	return luma, (v[2] - luma) / (2 * (1 - r.kb)), (v[0] - luma) / (2 * (1 - r.kr))
}

// sampleAt is the code of the sample in column x and row y of component c.
func sampleAt(pl *frame.Plane, c frame.Component, x, y int) int {
	at := y*pl.Stride + c.Offset + x*c.Step
	v := int(pl.Data[at])
	if c.Bytes() == 2 {
		v |= int(pl.Data[at+1]) << 8
	}
	return v >> c.Shift & (1<<c.Depth - 1)
}

// setSample writes a code.
func setSample(pl *frame.Plane, c frame.Component, x, y, code int) {
	at := y*pl.Stride + c.Offset + x*c.Step
	v := code << c.Shift
	pl.Data[at] = byte(v)
	if c.Bytes() == 2 {
		pl.Data[at+1] = byte(v >> 8)
	}
}
