// Package align moves pixels between pictures and network inputs: similarity transforms, and one warp that samples a
// picture of any layout straight into a float32 tensor.
//
// It neither finds faces nor decides where they are; detector, landmark and recognizer hand it a Matrix. It never writes
// to a picture: that is the compositor's part.
package align

import (
	"errors"
	"fmt"
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

// ErrDegenerate says that points or a matrix do not define an invertible, finite transform.
var ErrDegenerate = errors.New("align: degenerate transform")

// Matrix is the affine map (x, y) → (m[0]x + m[1]y + m[2], m[3]x + m[4]y + m[5]).
// Both sides are continuous coordinates: the centre of pixel (0, 0) lies at (.5, .5).
type Matrix [6]float64

// Identity maps every point to itself.
var Identity = Matrix{1, 0, 0, 0, 1, 0}

// Shift is the translation by (dx, dy).
func Shift(dx, dy float64) Matrix { return Matrix{1, 0, dx, 0, 1, dy} }

// Apply maps p.
func (m Matrix) Apply(p frame.Point) frame.Point {
	return frame.Point{X: m[0]*p.X + m[1]*p.Y + m[2], Y: m[3]*p.X + m[4]*p.Y + m[5]}
}

// Mul is the map that applies n first and then m.
func (m Matrix) Mul(n Matrix) Matrix {
	return Matrix{
		m[0]*n[0] + m[1]*n[3], m[0]*n[1] + m[1]*n[4], m[0]*n[2] + m[1]*n[5] + m[2],
		m[3]*n[0] + m[4]*n[3], m[3]*n[1] + m[4]*n[4], m[3]*n[2] + m[4]*n[5] + m[5],
	}
}

// Invert is the map back. It returns ErrDegenerate when m flattens the plane or is not finite.
func (m Matrix) Invert() (Matrix, error) {
	d := m[0]*m[4] - m[1]*m[3]
	a := Matrix{m[4] / d, -m[1] / d, 0, -m[3] / d, m[0] / d, 0}
	a[2], a[5] = -(a[0]*m[2] + a[1]*m[5]), -(a[3]*m[2] + a[4]*m[5])
	if !m.finite() || !a.finite() {
		return a, fmt.Errorf("%w: no inverse of %v", ErrDegenerate, m)
	}
	return a, nil
}

// Scale is the factor by which m stretches lengths; for a similarity it is the same in every direction.
func (m Matrix) Scale() float64 { return math.Sqrt(math.Abs(m[0]*m[4] - m[1]*m[3])) }

// Rotation is the angle, in radians, by which m turns the x axis; positive is clockwise on the screen (y points down).
func (m Matrix) Rotation() float64 { return math.Atan2(m[3], m[0]) }

func (m Matrix) finite() bool {
	s := 0.0
	for _, v := range m {
		s += v * 0
	}
	return s == 0
}

// Similarity is the rotation, uniform scale and shift, without reflection, that brings from nearest to to in the
// least-squares sense. Both hold the same number of points, at least two distinct ones.
// Source: Umeyama, "Least-squares estimation of transformation parameters between two point patterns", TPAMI 13(4),
// 1991, eq. 40-42; in the plane the singular value decomposition reduces to the two sums below.
func Similarity(from, to []frame.Point) (Matrix, error) {
	if len(from) != len(to) || len(from) < 2 {
		return Matrix{}, fmt.Errorf("%w: %d points onto %d", ErrDegenerate, len(from), len(to))
	}
	cf, ct := centroid(from), centroid(to)
	var dot, cross, norm float64
	for i := range from {
		px, py, qx, qy := from[i].X-cf.X, from[i].Y-cf.Y, to[i].X-ct.X, to[i].Y-ct.Y
		dot += px*qx + py*qy
		cross += px*qy - py*qx
		norm += px*px + py*py
	}
	a, b := dot/norm, cross/norm
	m := Matrix{a, -b, ct.X - a*cf.X + b*cf.Y, b, a, ct.Y - b*cf.X - a*cf.Y}
	if !m.finite() || m.Scale() == 0 {
		return m, fmt.Errorf("%w: %d points of spread %v give %v", ErrDegenerate, len(from), norm, m)
	}
	return m, nil
}

func centroid(p []frame.Point) (c frame.Point) {
	for _, q := range p {
		c.X += q.X / float64(len(p))
		c.Y += q.Y / float64(len(p))
	}
	return c
}
