// Package frame describes one video picture as the host holds it: borrowed planes in the stream's own pixel format.
//
// It is a leaf: it neither decodes nor converts. Hosts (the transcoder, the GStreamer element) fill a Picture over
// their own memory for the length of one call; stages read it, and the compositor alone writes to it.
package frame

import (
	"errors"
	"fmt"
	"time"
)

// Rect is an axis-aligned box in pixels of the full-resolution picture: X0,Y0 inclusive, X1,Y1 exclusive, y down.
type Rect struct{ X0, Y0, X1, Y1 float64 }

// W is the width of r in pixels; negative when r is inverted.
func (r Rect) W() float64 { return r.X1 - r.X0 }

// H is the height of r in pixels; negative when r is inverted.
func (r Rect) H() float64 { return r.Y1 - r.Y0 }

// Empty says that r covers no area. A Rect with a NaN edge is empty.
func (r Rect) Empty() bool { return !(r.X1 > r.X0 && r.Y1 > r.Y0) }

// Center is the middle of r.
func (r Rect) Center() Point { return Point{(r.X0 + r.X1) / 2, (r.Y0 + r.Y1) / 2} }

// Area is the area of r in square pixels, 0 when empty.
func (r Rect) Area() float64 {
	if r.Empty() {
		return 0
	}
	return r.W() * r.H()
}

// Intersect is the common part of r and s; it may be Empty.
func (r Rect) Intersect(s Rect) Rect {
	return Rect{max(r.X0, s.X0), max(r.Y0, s.Y0), min(r.X1, s.X1), min(r.Y1, s.Y1)}
}

// Union is the smallest box that holds r and s; an empty box adds nothing.
func (r Rect) Union(s Rect) Rect {
	if r.Empty() {
		return s
	}
	if s.Empty() {
		return r
	}
	return Rect{min(r.X0, s.X0), min(r.Y0, s.Y0), max(r.X1, s.X1), max(r.Y1, s.Y1)}
}

// Grow moves each edge outwards by fx and fy times the width and height.
func (r Rect) Grow(fx, fy float64) Rect {
	w, h := r.W()*fx, r.H()*fy
	return Rect{r.X0 - w, r.Y0 - h, r.X1 + w, r.Y1 + h}
}

// IoU is the intersection over union of r and s, 0..1.
func (r Rect) IoU(s Rect) float64 {
	i := r.Intersect(s).Area()
	if i == 0 {
		return 0
	}
	return i / (r.Area() + s.Area() - i)
}

// Point is a position in pixels of the full-resolution picture; pixel centres lie at .5.
type Point struct{ X, Y float64 }

// Component says where the samples of one colour component lie.
// The sample of pixel (x, y) is at byte Offset + (x>>SubX)*Step of row y>>SubY of the plane, holds Depth bits, and is
// shifted left by Shift in its 1- or 2-byte word.
type Component struct {
	Plane, Offset, Step, Shift, Depth int
	SubX, SubY                        uint
}

// Bytes is the size of one sample word: 1 or 2.
func (c Component) Bytes() int {
	if c.Depth+c.Shift > 8 {
		return 2
	}
	return 1
}

// Layout is a pixel format: Y'CbCr (components Y, Cb, Cr), R'G'B' (R, G, B) or grey (Y alone), with an alpha component
// last when Alpha is set. Samples are little-endian.
type Layout struct {
	Name       string // the host's name for it: "yuv420p10le", "NV12"
	RGB        bool
	Alpha      bool
	Components []Component
}

// Colors is the number of colour components: 3, or 1 for grey.
func (l *Layout) Colors() int {
	if l.Alpha {
		return len(l.Components) - 1
	}
	return len(l.Components)
}

// Matrix is the Y'CbCr matrix of a picture.
type Matrix uint8

// The matrices that the product converts with (Rec. ITU-R BT.601-7, BT.709-6, BT.2020-2 non-constant luminance).
const (
	BT601 Matrix = iota
	BT709
	BT2020
)

// FieldOrder says whether a picture is progressive, or two fields.
type FieldOrder uint8

// Field orders.
const (
	Progressive FieldOrder = iota
	TopFirst
	BottomFirst
)

// Plane is borrowed memory: row y starts at Data[y*Stride]. The last row may end before Stride bytes.
type Plane struct {
	Data   []byte
	Stride int // bytes, > 0
	W, H   int // samples (or sample groups, for packed planes)
}

// Picture lends the host's planes for one call. Nobody keeps it, or a slice of it, after the call returns.
type Picture struct {
	Index     int64         // number of the picture in decoding output order, from 0
	PTS       time.Duration // presentation time, from the start of the stream
	W, H      int           // luma pixels
	Layout    *Layout
	Planes    []Plane
	Matrix    Matrix
	FullRange bool // 0..2^depth-1 rather than limited ("TV") range
	Fields    FieldOrder
}

// ErrLayout says that a picture's format cannot be examined; the caller covers the picture or stops.
var ErrLayout = errors.New("frame: unsupported pixel format")

// Bounds is the whole picture as a box.
func (p *Picture) Bounds() Rect { return Rect{0, 0, float64(p.W), float64(p.H)} }

// Validate checks that every sample the layout promises lies inside the planes' memory.
func (p *Picture) Validate() error {
	if p.Layout == nil || p.W <= 0 || p.H <= 0 {
		return fmt.Errorf("%w: picture of %dx%d without a layout", ErrLayout, p.W, p.H)
	}
	n := p.Layout.Colors()
	if n != 1 && n != 3 {
		return fmt.Errorf("%w: %s has %d colour components", ErrLayout, p.Layout.Name, n)
	}
	for i, c := range p.Layout.Components {
		if c.Depth < 8 || c.Depth+c.Shift > 16 || c.Plane < 0 || c.Plane >= len(p.Planes) || c.Step < c.Bytes() || c.Offset < 0 {
			return fmt.Errorf("%w: %s component %d: %+v", ErrLayout, p.Layout.Name, i, c)
		}
		pl := &p.Planes[c.Plane]
		w, h := ceilShift(p.W, c.SubX), ceilShift(p.H, c.SubY)
		last := pl.Stride*(h-1) + c.Offset + (w-1)*c.Step + c.Bytes()
		if pl.Stride <= 0 || last > len(pl.Data) {
			return fmt.Errorf("%w: %s component %d ends at byte %d of %d (stride %d)", ErrLayout, p.Layout.Name, i, last, len(pl.Data), pl.Stride)
		}
	}
	return nil
}

// Size is the number of samples of component i in each direction.
func (p *Picture) Size(i int) (w, h int) {
	c := p.Layout.Components[i]
	return ceilShift(p.W, c.SubX), ceilShift(p.H, c.SubY)
}

func ceilShift(n int, s uint) int { return (n + (1 << s) - 1) >> s }
