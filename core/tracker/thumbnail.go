package tracker

import "github.com/ksamenet/ksamenet/core/frame"

// The grid on which cuts are judged: 16:9 cells, a cell being 30x30 pixels at 1080p.
const (
	gridW, gridH = 64, 36
	cellSamples  = 4 // per direction: 147,456 bytes are touched, whatever the picture's size
)

// grid is the luma of a picture in 64x36 cells, 0..255 (full scale of the component's depth).
type grid [gridW * gridH]float32

// fill samples p, which must be valid, on a lattice. R'G'B' is weighted 1:2:1, close enough to luma for its purpose.
func (g *grid) fill(p *frame.Picture) {
	*g = grid{}
	if p.Layout.RGB && p.Layout.Colors() == 3 {
		g.add(p, 0, 0.25)
		g.add(p, 1, 0.5)
		g.add(p, 2, 0.25)
		return
	}
	g.add(p, 0, 1)
}

// add adds component i, scaled to 0..255 and weighted.
func (g *grid) add(p *frame.Picture, i int, weight float32) {
	c := p.Layout.Components[i]
	pl := &p.Planes[c.Plane]
	w, h := p.Size(i)
	scale := weight * 255 / float32(int(1)<<c.Depth-1) / (cellSamples * cellSamples)
	const nx = gridW * cellSamples
	var at [nx]int
	for x := range at {
		at[x] = c.Offset + (2*x+1)*w/(2*nx)*c.Step
	}
	mask := 1<<c.Depth - 1
	for y := range gridH * cellSamples {
		row := pl.Data[(2*y+1)*h/(2*gridH*cellSamples)*pl.Stride:]
		out := g[y/cellSamples*gridW:][:gridW]
		if c.Bytes() == 1 {
			for x := range out {
				o := at[x*cellSamples:][:cellSamples]
				n := 0
				for _, b := range o {
					n += int(row[b]) >> c.Shift & mask
				}
				out[x] += float32(n) * scale
			}
			continue
		}
		for x := range out {
			o := at[x*cellSamples:][:cellSamples]
			n := 0
			for _, b := range o {
				n += (int(row[b]) | int(row[b+1])<<8) >> c.Shift & mask
			}
			out[x] += float32(n) * scale
		}
	}
}
