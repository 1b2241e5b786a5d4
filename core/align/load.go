package align

import (
	"encoding/binary"
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

// patch is one component of a picture's region as float32, reduced by whole factors (box averages of fx × fy samples).
// Its sample (i, j) covers the component's samples x0+i·fx.. , y0+j·fy.. .
type patch struct {
	data   []float32
	w, h   int
	x0, y0 int
	fx, fy int
	sum    []uint32 // one row of box sums
}

// load fills p with the part of component i that lies under box (picture px), reduced so that about scale picture px
// fall on one sample. It allocates only when the region is larger than any before.
func (p *patch) load(pic *frame.Picture, i int, box frame.Rect, scale float64) {
	c := pic.Layout.Components[i]
	cw, ch := pic.Size(i)
	p.fx, p.x0, p.w = span(box.X0, box.X1, scale, c.SubX, cw)
	p.fy, p.y0, p.h = span(box.Y0, box.Y1, scale, c.SubY, ch)
	if n := p.w * p.h; cap(p.data) < n {
		p.data = make([]float32, n)
	}
	if cap(p.sum) < p.w {
		p.sum = make([]uint32, p.w)
	}
	p.data, p.sum = p.data[:p.w*p.h], p.sum[:p.w]

	gain, offset := levels(pic, i)
	gain /= float64(int(1) << c.Shift)
	pl := &pic.Planes[c.Plane]
	for j := range p.h {
		clear(p.sum)
		y := p.y0 + j*p.fy
		rows := min(p.fy, ch-y)
		for r := range rows {
			addRow(p.sum, pl.Data[(y+r)*pl.Stride+c.Offset+p.x0*c.Step:], c.Step, c.Bytes(), p.fx, cw-p.x0)
		}
		out := p.data[j*p.w : (j+1)*p.w]
		k, o := float32(gain/float64(p.fx*rows)), float32(offset)
		for x, s := range p.sum[:len(out)] {
			out[x] = float32(int32(s))*k + o // at most 64·64·65535: fits, and converts faster than uint32
		}
		if part := (cw - p.x0) - (p.w-1)*p.fx; part < p.fx { // the last box is cut by the picture's edge
			out[p.w-1] = float32(p.sum[p.w-1])*float32(gain/float64(part*rows)) + o
		}
	}
}

// span chooses factor, first sample and number of boxes along one axis of n samples for the stretch lo..hi (picture px),
// with two samples to spare for the bilinear taps. A stretch outside the picture becomes the nearest edge.
func span(lo, hi, scale float64, sub uint, n int) (factor, first, count int) {
	unit := float64(int(1) << sub)
	factor = int(max(1, min(math.Round(scale/unit), 64)))
	a := int(math.Floor(min(max(lo/unit, 0), float64(n-1)))) - 2*factor
	b := int(math.Ceil(min(max(hi/unit, 0), float64(n)))) + 2*factor
	a, b = max(a, 0), min(b, n)
	a -= a % factor // a fixed grid: the same picture region is averaged the same way wherever the box begins
	return factor, a, (b - a + factor - 1) / factor
}

// addRow adds to sum[i] the samples of box i in row, at most n samples in all.
func addRow(sum []uint32, row []byte, step, bytes, fx, n int) {
	switch {
	case bytes == 1 && step == 1 && fx == 1:
		row = row[:len(sum)]
		for i, v := range row {
			sum[i] += uint32(v)
		}
	case bytes == 1 && step == 1 && fx == 2 && n >= 2*len(sum):
		row = row[:2*len(sum)]
		for i := range sum {
			sum[i] += uint32(row[2*i]) + uint32(row[2*i+1])
		}
	case bytes == 1 && step == 1 && fx == 3 && n >= 3*len(sum):
		row = row[:3*len(sum)]
		for i := range sum {
			sum[i] += uint32(row[3*i]) + uint32(row[3*i+1]) + uint32(row[3*i+2])
		}
	case bytes == 1:
		k := 0
		for i := range sum {
			var s uint32
			for range min(fx, n-i*fx) {
				s += uint32(row[k])
				k += step
			}
			sum[i] += s
		}
	default:
		k := 0
		for i := range sum {
			var s uint32
			for range min(fx, n-i*fx) {
				s += uint32(binary.LittleEndian.Uint16(row[k:]))
				k += step
			}
			sum[i] += s
		}
	}
}

// index is the map from destination coordinates to p's sample positions, given m from destination to picture px.
func (p *patch) index(m Matrix, c frame.Component) Matrix {
	ux, uy := float64(int(1)<<c.SubX)*float64(p.fx), float64(int(1)<<c.SubY)*float64(p.fy)
	tx, ty := float64(p.x0)/float64(p.fx)+.5, float64(p.y0)/float64(p.fy)+.5
	return Matrix{m[0] / ux, m[1] / ux, m[2]/ux - tx, m[3] / uy, m[4] / uy, m[5]/uy - ty}
}
