package landmark

import (
	"math"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/frame"
)

// Points is the number of points of a mesh: 468 of the face, 5 of each iris.
const Points = 478

// Mesh holds a face's points in picture px; z has the same unit, its zero near the middle of the head, and is smaller
// towards the viewer. Indices are MediaPipe's: "left" below is the picture's left of an upright face.
type Mesh struct {
	Points   [Points][3]float32
	Presence float64 // the network's belief, 0..1, that the crop showed a face
}

// Indices of single points.
const (
	noseTip                     = 1
	noseBase                    = 2
	eyeLeftOuter, eyeRightOuter = 33, 263
	eyeLeftInner, eyeRightInner = 133, 362
	mouthLeft, mouthRight       = 61, 291
	irisLeft, irisRight         = 468, 473 // first of five
)

// oval walks the face's outline clockwise from the middle of the forehead.
var oval = [...]int{10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109}

// At is point i in the picture plane.
func (m *Mesh) At(i int) frame.Point {
	return frame.Point{X: float64(m.Points[i][0]), Y: float64(m.Points[i][1])}
}

// Oval is the face's outline in picture px, clockwise from the middle of the forehead: jaw line included, forehead up to
// some way below the hairline.
func (m *Mesh) Oval() []frame.Point {
	p := make([]frame.Point, len(oval))
	for i, k := range oval {
		p[i] = m.At(k)
	}
	return p
}

// Five are the points that a recogniser aligns by: iris centres, nose tip, mouth corners; the picture's left first.
func (m *Mesh) Five() [5]frame.Point {
	return [5]frame.Point{m.iris(irisLeft), m.iris(irisRight), m.At(noseTip), m.At(mouthLeft), m.At(mouthRight)}
}

// Corners are the points that dlib's recogniser aligns by: outer and inner corner of the left eye, inner and outer corner
// of the right one, base of the nose.
func (m *Mesh) Corners() [5]frame.Point {
	return [5]frame.Point{m.At(eyeLeftOuter), m.At(eyeLeftInner), m.At(eyeRightInner), m.At(eyeRightOuter), m.At(noseBase)}
}

func (m *Mesh) iris(first int) (c frame.Point) {
	for i := first; i < first+5; i++ {
		c.X += m.At(i).X / 5
		c.Y += m.At(i).Y / 5
	}
	return c
}

// Box is the bounding box of the 468 face points.
func (m *Mesh) Box() frame.Rect {
	r := frame.Rect{X0: math.Inf(1), Y0: math.Inf(1), X1: math.Inf(-1), Y1: math.Inf(-1)}
	for i := range irisLeft {
		p := m.At(i)
		r = frame.Rect{X0: min(r.X0, p.X), Y0: min(r.Y0, p.Y), X1: max(r.X1, p.X), Y1: max(r.Y1, p.Y)}
	}
	return r
}

// finite says that no coordinate is NaN or infinite.
func (m *Mesh) finite() bool {
	var poison float32
	for _, p := range m.Points {
		poison += p[0]*0 + p[1]*0 + p[2]*0
	}
	return poison == 0 && m.Presence*0 == 0
}

// region is the turned square that the network looks at.
type region struct {
	center frame.Point
	side   float64 // px
	angle  float64 // radians, clockwise on the screen
}

// The first region is a multiple of the face's size as five points tell it; later ones a multiple of the mesh's box.
// The mesh network was trained on squares of 1.5 mesh boxes; 3.9 gives such a square from five points.
const (
	firstScale = 3.9
	nextScale  = 1.5
)

// regionOf is the region around a detector's five points.
func regionOf(p [5]frame.Point) region {
	eye, mouth := mid(p[0], p[1]), mid(p[3], p[4])
	size := max(math.Hypot(p[1].X-p[0].X, p[1].Y-p[0].Y), .9*math.Hypot(mouth.X-eye.X, mouth.Y-eye.Y))
	return region{mid(eye, mouth), firstScale * size, math.Atan2(p[1].Y-p[0].Y, p[1].X-p[0].X)}
}

// region is where to look for the same face again: the box of the mesh, upright by the line of the eyes' outer corners.
func (m *Mesh) region() region {
	l, r := m.At(eyeLeftOuter), m.At(eyeRightOuter)
	angle := math.Atan2(r.Y-l.Y, r.X-l.X)
	s, c := math.Sincos(angle)
	lo, hi := frame.Point{X: math.Inf(1), Y: math.Inf(1)}, frame.Point{X: math.Inf(-1), Y: math.Inf(-1)}
	for i := range irisLeft {
		p := m.At(i)
		x, y := c*p.X+s*p.Y, -s*p.X+c*p.Y
		lo, hi = frame.Point{X: min(lo.X, x), Y: min(lo.Y, y)}, frame.Point{X: max(hi.X, x), Y: max(hi.Y, y)}
	}
	q := mid(lo, hi)
	return region{frame.Point{X: c*q.X - s*q.Y, Y: s*q.X + c*q.Y}, nextScale * max(hi.X-lo.X, hi.Y-lo.Y), angle}
}

func mid(a, b frame.Point) frame.Point { return frame.Point{X: (a.X + b.X) / 2, Y: (a.Y + b.Y) / 2} }

// crop maps the network's crop to the picture, both in index coordinates (pixel centres at whole numbers): the network
// was trained on crops sampled without a half-pixel shift, so that crop index i lies at region position i, not i + ½.
func (r region) crop() align.Matrix {
	k := r.side / crop
	s, c := math.Sincos(r.angle)
	s, c = s*k, c*k
	return align.Matrix{c, -s, r.center.X - .5 - (c-s)*crop/2, s, c, r.center.Y - .5 - (s+c)*crop/2}
}
