package compositor

import (
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

// blend writes colour components first..end−1, which share their sampling, of the pixels in box, on the rows that are asked for:
// source·(1−m) + m·surrogate, at the components' own samples.
func (c *Compositor) blend(pic *frame.Picture, first, end int, place similarity, m *mask, col *colors, grain grain, box frame.Rect, rows rows) {
	comp := pic.Layout.Components[first]
	sx, sy := float64(int(1)<<comp.SubX), float64(int(1)<<comp.SubY)
	w, h := pic.Size(first)
	x0, x1 := max(0, int(math.Floor(box.X0/sx))), min(w, int(math.Ceil(box.X1/sx)))
	y0, y1 := max(0, int(math.Floor(box.Y0/sy))), min(h, int(math.Ceil(box.Y1/sy)))
	if x1 <= x0 || y1 <= y0 {
		return
	}
	offX, offY := siting(pic.Layout, comp)
	c.mask, c.cells = resize(c.mask, x1-x0), resize(c.cells, x1-x0)
	c.value, c.glow = resize(c.value, x1-x0), resize(c.glow, x1-x0)
	grid := grid{w: c.tex.w, maxU: float64(c.tex.w) - 1.001, maxV: float64(c.tex.h) - 1.001}
	alpha := c.tex.planes[alphaPlane]
	inv := place.inverse()
	du, dv := inv.a*sx*c.tex.scale, inv.b*sx*c.tex.scale
	out := m.outer()
	y0 += (rows.first + rows.step - y0%rows.step) % rows.step
	for y := y0; y < y1; y += rows.step {
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
		weight := c.mask[:to-from]
		cells, glow := c.cells[:len(weight)], c.glow[:len(weight)]
		grid.row(cells, u0+float64(from)*du, v0+float64(from)*dv, du, dv)
		clear(glow)
		lit := false // glow holds anything
		// m from both ends of the row to where it is 1. What lies between is taken for the core: in a dent of the outline the
		// surrogate covers a little more.
		soft := func(k int) bool {
			dx := float64(from+k)*sx + offX - m.x
			e := m.past(dx, dy)
			feather, limit := m.rim(e)
			if feather == 1 {
				return false
			}
			if m.halo > 0 {
				glow[k] = m.glow(e)
			} else {
				glow[k] = m.shade(dx, dy, e)
			}
			lit = lit || glow[k] > 0
			if weight[k] = feather; limit > 0 {
				weight[k] = max(feather, limit*cells[k].of(alpha, grid.w))
			}
			return true
		}
		coreFrom, coreTo := 0, len(weight)
		for coreFrom < coreTo && soft(coreFrom) {
			coreFrom++
		}
		for coreTo > coreFrom && soft(coreTo-1) {
			coreTo--
		}
		core := weight[coreFrom:coreTo]
		for k := range core {
			core[k] = 1
		}
		for i := first; i < end; i++ {
			value, color := c.value[:len(weight)], c.tex.planes[i]
			for k := range value {
				if weight[k] > 0 {
					value[k] = cells[k].of(color, grid.w)
				}
			}
			if lit {
				toward := col.black[i] // what the rim turns to
				if m.halo > 0 {
					toward = col.white[i]
				}
				for k, g := range glow {
					value[k] += g * (toward - value[k])
				}
			}
			if grain.amount > 0 {
				grain.add(value, float32(componentCodes(pic, i).span), i, from, y)
			}
			comp := pic.Layout.Components[i]
			plane := &pic.Planes[comp.Plane]
			store(plane, comp, y, from, value[:coreFrom], weight[:coreFrom])
			put(plane, comp, y, from+coreFrom, value[coreFrom:coreTo])
			store(plane, comp, y, from+coreTo, value[coreTo:], weight[coreTo:])
		}
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

// grid finds cells of a texture; the centre of texel (i, j) of the part kept is (i, j).
type grid struct {
	w          int
	maxU, maxV float64 // just before the last texel, which has no next
}

// cell is a position between four texels: the index of the first, and the way to the others.
type cell struct {
	at     int32
	fx, fy float32
}

func (g *grid) at(u, v float64) cell {
	u, v = clamp(u, g.maxU), clamp(v, g.maxV)
	i, j := int(u), int(v)
	return cell{int32(j*g.w + i), float32(u - float64(i)), float32(v - float64(j))}
}

// row finds the cells of the positions (u, v), (u+du, v+dv), …
func (g *grid) row(cells []cell, u, v, du, dv float64) {
	last := float64(len(cells) - 1)
	if !(g.inside(u, v) && g.inside(u+last*du, v+last*dv)) {
		for k := range cells {
			cells[k] = g.at(u+float64(k)*du, v+float64(k)*dv)
		}
		return
	}
	for k := range cells {
		u, v := u+float64(k)*du, v+float64(k)*dv
		i, j := int(u), int(v)
		cells[k] = cell{int32(j*g.w + i), float32(u - float64(i)), float32(v - float64(j))}
	}
}

func (g *grid) inside(u, v float64) bool { return u >= 0 && v >= 0 && u <= g.maxU && v <= g.maxV }

func clamp(v, hi float64) float64 {
	if v < 0 {
		return 0
	}
	if v > hi {
		return hi
	}
	return v
}

// of samples a plane of w texels a row bilinearly.
func (c cell) of(p []float32, w int) float32 {
	at := int(c.at)
	a, b := p[at:at+2:at+2], p[at+w:at+w+2:at+w+2]
	top := a[0] + c.fx*(a[1]-a[0])
	bottom := b[0] + c.fx*(b[1]-b[0])
	return top + c.fy*(bottom-top)
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
				*d = uint8(code(v, top)) << c.Shift
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
			q := code(v, top) << c.Shift
			d[0], d[1] = byte(q), byte(q>>8)
		}
	}
}

// put writes a row of values, in code units, over samples from..from+len(value) of row y: store at weight 1.
func put(pl *frame.Plane, c frame.Component, y, from int, value []float32) {
	if len(value) == 0 {
		return
	}
	at := y*pl.Stride + c.Offset + from*c.Step
	top := float32(int(1)<<c.Depth - 1)
	if c.Bytes() == 1 {
		if c.Step == 1 && c.Shift == 0 {
			d := pl.Data[at:][:len(value)]
			for k, v := range value {
				d[k] = uint8(code(v, top))
			}
			return
		}
		for k, v := range value {
			pl.Data[at+k*c.Step] = uint8(code(v, top)) << c.Shift
		}
		return
	}
	for k, v := range value {
		d := pl.Data[at+k*c.Step : at+k*c.Step+2 : at+k*c.Step+2]
		q := code(v, top) << c.Shift
		d[0], d[1] = byte(q), byte(q>>8)
	}
}

// code rounds a value to 0..top.
func code(v, top float32) uint16 {
	v += .5
	if v <= 0 {
		return 0
	}
	if v >= top {
		return uint16(top)
	}
	return uint16(v)
}
