package landmark

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/frame"
)

// ErrHead says that a head file is malformed.
var ErrHead = errors.New("landmark: bad head file")

// Head is the generator's mean neutral head in patch units (1 = the side of the patch; x right, y down, z towards the
// viewer), as models/generator/head.json describes it.
type Head struct {
	Format   int          `json:"format"`
	Centre   [3]float64   `json:"centre"`   // the point that poses rotate about, where it lies on the patch
	Distance float64      `json:"distance"` // of the camera from the centre, patch units
	Points   [][3]float64 `json:"points"`   // 468, at yaw = pitch = 0
	Stable   []int        `json:"stable"`   // points that no expression moves
}

// ParseHead reads and checks a head file.
func ParseHead(b []byte) (*Head, error) {
	h := &Head{}
	if err := json.Unmarshal(b, h); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHead, err)
	}
	if h.Format != 1 || len(h.Points) != irisLeft || len(h.Stable) < 8 || len(h.Stable) > irisLeft || !(h.Distance > 1) {
		return nil, fmt.Errorf("%w: format %d, %d points, %d stable, distance %v", ErrHead, h.Format, len(h.Points), len(h.Stable), h.Distance)
	}
	for _, i := range h.Stable {
		if i < 0 || i >= len(h.Points) {
			return nil, fmt.Errorf("%w: stable point %d", ErrHead, i)
		}
	}
	return h, nil
}

// Pose is a fit of the head to a mesh: mesh = Scale·R·(head − centre) + Shift, mesh axes as in Mesh but z towards the viewer.
type Pose struct {
	R                [3][3]float64
	Scale            float64    // px per patch unit
	Shift            [3]float64 // px; where the head's centre lies
	Yaw, Pitch, Roll float64    // degrees; signs of core/appearance, roll > 0 clockwise on the screen
}

// Fit finds the rotation, scale and shift that bring the head's stable points nearest to the mesh's.
// Source: Horn, "Closed-form solution of absolute orientation using unit quaternions", JOSA A 4(4), 1987, section 4.
func (h *Head) Fit(m *Mesh) (Pose, error) {
	var cm, ch [3]float64
	n := float64(len(h.Stable))
	for _, i := range h.Stable {
		q := space(m, i)
		for k := range 3 {
			cm[k] += q[k] / n
			ch[k] += (h.Points[i][k] - h.Centre[k]) / n
		}
	}
	var s [3][3]float64 // sum of head × mesh
	var hh float64
	for _, i := range h.Stable {
		q := space(m, i)
		for a := range 3 {
			x := h.Points[i][a] - h.Centre[a] - ch[a]
			hh += x * x
			for b := range 3 {
				s[a][b] += x * (q[b] - cm[b])
			}
		}
	}
	p := Pose{R: rotationOf(s)}
	for a := range 3 {
		for b := range 3 {
			p.Scale += p.R[b][a] * s[a][b] / hh
		}
	}
	for b := range 3 {
		p.Shift[b] = cm[b]
		for a := range 3 {
			p.Shift[b] -= p.Scale * p.R[b][a] * ch[a]
		}
	}
	if sum := p.Scale + p.Shift[0] + p.Shift[1] + p.Shift[2]; !(p.Scale > 1e-3) || math.IsNaN(sum) || math.IsInf(sum, 0) {
		return p, fmt.Errorf("%w: no head fits the mesh (scale %v)", ErrOutput, p.Scale)
	}
	// R = Rz(roll) Rx(pitch) Ry(yaw), with Ry: x → x cos + z sin, z → z cos − x sin; Rx: y → y cos + z sin, z → z cos − y sin.
	p.Pitch = degrees(math.Asin(clamp(-p.R[2][1], -1, 1)))
	p.Yaw = degrees(math.Atan2(-p.R[2][0], p.R[2][2]))
	p.Roll = degrees(math.Atan2(-p.R[0][1], p.R[1][1]))
	return p, nil
}

// space is point i of a mesh with z towards the viewer.
func space(m *Mesh, i int) [3]float64 {
	p := m.Points[i]
	return [3]float64{float64(p[0]), float64(p[1]), -float64(p[2])}
}

// Place finds where the patch lies if the surrogate is rendered at the given yaw and pitch (degrees): the similarity that
// brings the rendered head's stable points nearest to the mesh's. residual is their root mean square distance, patch units.
func (h *Head) Place(m *Mesh, yaw, pitch float64) (p align.Placement, residual float64, err error) {
	var scratch [2][irisLeft]frame.Point // on the stack: this runs for every face of every picture
	from, to := scratch[0][:len(h.Stable)], scratch[1][:len(h.Stable)]
	for k, i := range h.Stable {
		from[k], to[k] = h.project(i, yaw, pitch), m.At(i)
	}
	t, err := align.Similarity(from, to)
	if err != nil {
		return p, 0, fmt.Errorf("%w: %w", ErrOutput, err)
	}
	for k := range from {
		q := t.Apply(from[k])
		residual += (q.X-to[k].X)*(q.X-to[k].X) + (q.Y-to[k].Y)*(q.Y-to[k].Y)
	}
	p = align.PlacementOf(t)
	residual = math.Sqrt(residual/float64(len(from))) / p.Scale
	if !p.Finite() || math.IsNaN(residual) {
		return p, residual, fmt.Errorf("%w: placement %+v", ErrOutput, p)
	}
	return p, residual, nil
}

// reseat finds where the patch of p, rendered at a yaw and pitch (degrees), lies if it is rendered at the pitch to: the similarity that
// brings the mean head's stable points nearest to where they were. It is a function of the placement and the poses alone.
func (h *Head) reseat(p align.Placement, yaw, pitch, to float64) (align.Placement, error) {
	if to == pitch {
		return p, nil
	}
	var scratch [2][irisLeft]frame.Point // on the stack, as in Place
	from, at := scratch[0][:len(h.Stable)], scratch[1][:len(h.Stable)]
	m := p.Matrix()
	for k, i := range h.Stable {
		from[k], at[k] = h.project(i, yaw, to), m.Apply(h.project(i, yaw, pitch))
	}
	t, err := align.Similarity(from, at)
	if err != nil {
		return p, fmt.Errorf("%w: %w", ErrOutput, err)
	}
	p = align.PlacementOf(t)
	if !p.Finite() {
		return p, fmt.Errorf("%w: placement %+v", ErrOutput, p)
	}
	return p, nil
}

// project is the patch position (0..1) of head point i rendered at a yaw and pitch in degrees, as head.json defines it.
func (h *Head) project(i int, yaw, pitch float64) frame.Point {
	x, y, z := h.Points[i][0]-h.Centre[0], h.Points[i][1]-h.Centre[1], h.Points[i][2]-h.Centre[2]
	sa, ca := math.Sincos(yaw * math.Pi / 180)
	sb, cb := math.Sincos(pitch * math.Pi / 180)
	x, z = x*ca+z*sa, z*ca-x*sa
	y, z = y*cb+z*sb, z*cb-y*sb
	s := h.Distance / (h.Distance - z)
	return frame.Point{X: h.Centre[0] + s*x, Y: h.Centre[1] + s*y}
}

// Five are a detector's points of the head seen from the front, patch units: eyes, nose tip, mouth corners.
func (h *Head) Five() [5]frame.Point {
	at := func(i int) frame.Point { return h.project(i, 0, 0) }
	return [5]frame.Point{mid(at(eyeLeftOuter), at(eyeLeftInner)), mid(at(eyeRightInner), at(eyeRightOuter)), at(noseTip), at(mouthLeft), at(mouthRight)}
}

func degrees(rad float64) float64 { return rad * 180 / math.Pi }
