package compositor

import (
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

// blend writes colour component i of the pixels in box: source·(1−m) + m·surrogate, each component at its own samples.
func (c *Compositor) blend(pic *frame.Picture, i int, place similarity, m *mask, box frame.Rect) {
	comp := pic.Layout.Components[i]
	sx, sy := float64(int(1)<<comp.SubX), float64(int(1)<<comp.SubY)
	w, h := pic.Size(i)
	x0, x1 := max(0, int(math.Floor(box.X0/sx))), min(w, int(math.Ceil(box.X1/sx)))
	y0, y1 := max(0, int(math.Floor(box.Y0/sy))), min(h, int(math.Ceil(box.Y1/sy)))
	if x1 <= x0 || y1 <= y0 {
		return
	}
	offX, offY := siting(pic.Layout, comp)
	n := x1 - x0
	c.value, c.mask = resize(c.value, n), resize(c.mask, n)
	inv := place.inverse()
	samp := sampler{t: &c.tex, color: c.tex.planes[i], alpha: c.tex.planes[alphaPlane]}
	du, dv := inv.a*sx*c.tex.scale, inv.b*sx*c.tex.scale
	out := m.outer()
	for y := y0; y < y1; y++ {
		py := float64(y)*sy + offY
		dy := py - m.y
		if math.Abs(dy) >= out {
			continue
		}
		half := math.Sqrt(out*out - dy*dy)
		from := max(x0, int(math.Floor((m.x-half-offX)/sx)))
		to := min(x1, int(math.Ceil((m.x+half-offX)/sx))+1)
		if to <= from {
			continue
		}
		u0, v0 := inv.point(offX, py)
		u0, v0 = u0*c.tex.scale-float64(c.tex.x0)-.5, v0*c.tex.scale-float64(c.tex.y0)-.5
		value, weight := c.value[:to-from], c.mask[:to-from]
		in2 := -1.0
		if in := m.inner(); math.Abs(dy) < in {
			in2 = in*in - dy*dy
		}
		for k := range value {
			x := float64(from + k)
			dx := x*sx + offX - m.x
			u, v := u0+x*du, v0+x*dv
			if dx*dx <= in2 {
				weight[k] = 1
				value[k] = samp.colorAt(u, v)
				continue
			}
			feather, limit := m.rim(dx, dy)
			if limit == 0 {
				weight[k] = 0
				continue
			}
			var a float32
			value[k], a = samp.both(u, v)
			weight[k] = max(feather, a*limit)
		}
		store(&pic.Planes[comp.Plane], comp, y, from, value, weight)
	}
}

// siting is the position of sample 0 in pixels. Subsampled chroma is sited left (Rec. ITU-T H.264, figure 6-1; the
// default of MPEG-2, H.264, H.265 and of every stream that says nothing).
func siting(l *frame.Layout, c frame.Component) (x, y float64) {
	x, y = .5*float64(int(1)<<c.SubX), .5*float64(int(1)<<c.SubY)
	if !l.RGB && c.SubX > 0 {
		x = .5
	}
	return x, y
}

// sampler reads a texture at texel coordinates, where the centre of texel (i, j) of the part kept is (i, j).
type sampler struct {
	t            *texture
	color, alpha []float32
}

func (s *sampler) cell(u, v float64) (at int, fx, fy float32) {
	u = min(float64(s.t.w)-1.001, max(0, u))
	v = min(float64(s.t.h)-1.001, max(0, v))
	i, j := int(u), int(v)
	return j*s.t.w + i, float32(u - float64(i)), float32(v - float64(j))
}

func (s *sampler) colorAt(u, v float64) float32 {
	at, fx, fy := s.cell(u, v)
	return lerp(s.color, at, s.t.w, fx, fy)
}

func (s *sampler) both(u, v float64) (color, alpha float32) {
	at, fx, fy := s.cell(u, v)
	return lerp(s.color, at, s.t.w, fx, fy), lerp(s.alpha, at, s.t.w, fx, fy)
}

func lerp(p []float32, at, w int, fx, fy float32) float32 {
	a, b := p[at:at+2:at+2], p[at+w:at+w+2:at+w+2]
	top := a[0] + fx*(a[1]-a[0])
	bottom := b[0] + fx*(b[1]-b[0])
	return top + fy*(bottom-top)
}

// store blends a row of values, in code units, into samples from..from+len(value) of row y.
// Samples of weight 0 are not touched; at weight 1 the source is not read.
func store(pl *frame.Plane, c frame.Component, y, from int, value, weight []float32) {
	at := y*pl.Stride + c.Offset + from*c.Step
	top := float32(int(1)<<c.Depth - 1)
	if c.Bytes() == 1 {
		for k, m := range weight {
			if m > 0 {
				d := &pl.Data[at+k*c.Step]
				v := value[k]
				if m < 1 {
					b := float32(*d >> c.Shift)
					v = b + m*(v-b)
				}
				*d = uint8(min(top, max(0, v+.5))) << c.Shift
			}
		}
		return
	}
	for k, m := range weight {
		if m > 0 {
			d := pl.Data[at+k*c.Step : at+k*c.Step+2 : at+k*c.Step+2]
			v := value[k]
			if m < 1 {
				b := float32((uint16(d[0]) | uint16(d[1])<<8) >> c.Shift)
				v = b + m*(v-b)
			}
			q := uint16(min(top, max(0, v+.5))) << c.Shift
			d[0], d[1] = byte(q), byte(q>>8)
		}
	}
}
