package align

import (
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

// Placement says where a square patch lies on the picture: a similarity, nothing more (docs/guarantee.md: yaw and pitch
// are rendered, never warped, and no landmark drives a warp).
type Placement struct {
	X     float64 `json:"x"`     // picture px of the patch's centre
	Y     float64 `json:"y"`     // picture px of the patch's centre, y down
	Scale float64 `json:"scale"` // picture px per side of the patch
	Roll  float64 `json:"roll"`  // radians, clockwise on the screen
}

// Matrix maps patch coordinates (0..1 across and down, y down) to picture pixels.
func (p Placement) Matrix() Matrix {
	s, c := math.Sincos(p.Roll)
	a, b := p.Scale*c, p.Scale*s
	return Matrix{a, -b, p.X - (a-b)/2, b, a, p.Y - (a+b)/2}
}

// PlacementOf is the placement whose Matrix is the similarity m.
func PlacementOf(m Matrix) Placement {
	c := m.Apply(frame.Point{X: .5, Y: .5})
	return Placement{X: c.X, Y: c.Y, Scale: m.Scale(), Roll: m.Rotation()}
}

// Finite says that no field is NaN or infinite and that the patch has an extent.
func (p Placement) Finite() bool { return p.Matrix().finite() && p.Scale > 0 }

// Between is the placement a share t, 0..1, of the way from p to q, the shorter way round.
func (p Placement) Between(q Placement, t float64) Placement {
	turn := math.Remainder(q.Roll-p.Roll, 2*math.Pi)
	return Placement{X: p.X + t*(q.X-p.X), Y: p.Y + t*(q.Y-p.Y), Scale: p.Scale + t*(q.Scale-p.Scale), Roll: p.Roll + t*turn}
}
