package verify

import (
	"fmt"
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

// Luma is a small copy of a picture's luma, to compare two encodings of it when no decision list says what was changed.
type Luma struct {
	w, h  int // of the picture
	cells []float64
}

// cellPx is the side of a cell: small enough that a face of 20 px has several, large enough to average coding noise away.
const cellPx = 4

// Read fills l from pic: the mean of four samples of each cell, in 8-bit levels.
func (l *Luma) Read(pic *frame.Picture) error {
	if err := pic.Validate(); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	l.w, l.h = pic.W, pic.H
	cw, ch := l.size()
	if cap(l.cells) < cw*ch {
		l.cells = make([]float64, cw*ch)
	}
	l.cells = l.cells[:cw*ch]
	c := pic.Layout.Components[0]
	if pic.Layout.RGB {
		c = pic.Layout.Components[1] // green is most of luma
	}
	pl := &pic.Planes[c.Plane]
	scale := 1 / float64(int(1)<<(c.Depth-8))
	at := func(x, y int) float64 {
		x, y = min(x, pic.W-1), min(y, pic.H-1)
		i := y*pl.Stride + c.Offset + x*c.Step
		v := uint(pl.Data[i])
		if c.Bytes() == 2 {
			v |= uint(pl.Data[i+1]) << 8
		}
		return float64(v>>c.Shift) * scale
	}
	for y := range ch {
		for x := range cw {
			px, py := x*cellPx, y*cellPx
			l.cells[y*cw+x] = (at(px, py) + at(px+2, py+1) + at(px+1, py+2) + at(px+3, py+3)) / 4
		}
	}
	return nil
}

func (l *Luma) size() (w, h int) { return (l.w + cellPx - 1) / cellPx, (l.h + cellPx - 1) / cellPx }

const (
	changed    = 3.0 // levels of mean difference that coding at any sane rate does not reach in a face
	changedFar = 3.0 // times what coding makes of the picture, for coarse coding
)

// Exposed says that the middle of face shows the same in original and output: nothing was laid over it. Both hold the same
// moment. Pictures of different sizes cannot be compared, and show everything.
func Exposed(original, output *Luma, face frame.Rect) bool {
	if original.w != output.w || original.h != output.h {
		return true
	}
	core := face.Grow((middle-1)/2, (middle-1)/2).Intersect(frame.Rect{X1: float64(original.w), Y1: float64(original.h)})
	if core.Empty() {
		return false
	}
	cw, ch := original.size()
	coding := codingOf(original, output)
	here := difference(original, output, int(core.X0/cellPx), int(core.Y0/cellPx), min(cw, int(core.X1/cellPx)+1), min(ch, int(core.Y1/cellPx)+1))
	return here < max(changed, changedFar*coding)
}

// codingOf is the mean absolute difference that coding makes between two pictures, by the median of the cells' differences: covers and
// surrogates may fill nearly half of a picture, and would be taken for coarse coding in a mean.
func codingOf(a, b *Luma) float64 {
	const (
		perLevel = 16
		median   = math.Ln2 // of an exponential distribution with mean 1
	)
	var count [256*perLevel + 1]int
	for i, v := range a.cells {
		count[int(min(math.Abs(v-b.cells[i]), 256)*perLevel)]++
	}
	left := len(a.cells) / 2
	for level, n := range count {
		if left -= n; left < 0 {
			return float64(level) / perLevel / median
		}
	}
	return 0
}

// difference is the mean absolute difference of the cells from x0, y0 up to x1, y1.
func difference(a, b *Luma, x0, y0, x1, y1 int) float64 {
	cw, _ := a.size()
	sum, n := 0., 0
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			sum, n = sum+math.Abs(a.cells[y*cw+x]-b.cells[y*cw+x]), n+1
		}
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}
