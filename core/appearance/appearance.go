// Package appearance is what the generator may know of a filmed face: quantised expression, gaze and head pose.
//
// With the light of the shot (Light) it is what the generator is asked for besides a cluster id; nothing else enters
// (docs/guarantee.md, invariants I1 and I9). The type holds small integers on a declared grid, so that the information that passes from a
// person to a surrogate can be counted in bits. Roll, size and position are placement, not appearance.
package appearance

import "math"

// Units is the number of expression units.
const Units = 16

// UnitNames are the expression units in the order of the generator's `expression` input. The training renderer labels its
// pictures with the same units (training/README.md).
var UnitNames = [Units]string{
	"smileClose", "smileOpen", "mouthOpen", "eyeClose", "eyeOpen", "squint", "browUp", "browDown",
	"browSad", "mouthSad", "disgust", "pucker", "stretch", "jawSide", "lipUp", "lipDown",
}

// The declared grid. Steps are chosen near the noise of the landmark stage: finer steps would carry noise and bits, not expression.
// Speech lives in the lower third of mouthOpen, where a fifteenth opens the lips of a head that is bent back by a third of their way:
// with halves of it, the output's mouth follows a talking one with a correlation of .84 to .89 in place of .79 to .83 (asl_hungry, four
// surrogates); quarters add nothing.
const (
	UnitLevels  = 16  // 0..15 for 0..1, of every unit but mouthOpen
	MouthLevels = 31  // 0..30 for 0..1
	GazeStep    = 2.0 // degrees
	GazeLimit   = 30  // degrees, both directions
	PoseStep    = 1.0 // degrees
	YawLimit    = 75  // degrees: profile; beyond it a face is shown at the limit
	PitchLimit  = 30  // degrees
	gazeLevels  = 2*GazeLimit/GazeStep + 1
	yawLevels   = 2*YawLimit/PoseStep + 1
	pitchLevels = 2*PitchLimit/PoseStep + 1
)

// Appearance is one face's quantised appearance. It is comparable: equal values give equal surrogates.
// Signs: yaw > 0 turns the face towards the right edge of the picture, pitch > 0 turns it down, gaze likewise, relative to the head.
type Appearance struct {
	Expression [Units]uint8 `json:"e"`  // 0..Levels(unit)-1
	GazeYaw    int8         `json:"gy"` // steps of GazeStep degrees
	GazePitch  int8         `json:"gp"`
	Yaw        int8         `json:"y"` // steps of PoseStep degrees
	Pitch      int8         `json:"p"`
}

// Raw is an appearance before quantisation, as the landmark stage measures and smooths it.
type Raw struct {
	Expression         [Units]float64 // 0..1
	GazeYaw, GazePitch float64        // degrees
	Yaw, Pitch         float64        // degrees
}

// MouthOpen is the place of mouthOpen in UnitNames.
const MouthOpen = 2

// Levels is the number of grid points of a unit.
func Levels(unit int) int {
	if unit == MouthOpen {
		return MouthLevels
	}
	return UnitLevels
}

// Finite says that no field of r is NaN or infinite. A face with a non-finite appearance is covered, never rendered.
func (r Raw) Finite() bool {
	s := r.GazeYaw + r.GazePitch + r.Yaw + r.Pitch
	for _, v := range r.Expression {
		s += v
	}
	return !math.IsNaN(s) && !math.IsInf(s, 0)
}

// Quantize rounds r to the declared grid, clamping to its limits. NaN becomes 0: callers check Finite first.
func Quantize(r Raw) Appearance {
	var a Appearance
	for i, v := range r.Expression {
		last := float64(Levels(i) - 1)
		a.Expression[i] = uint8(round(v*last, 0, last))
	}
	a.GazeYaw = int8(round(r.GazeYaw/GazeStep, -GazeLimit/GazeStep, GazeLimit/GazeStep))
	a.GazePitch = int8(round(r.GazePitch/GazeStep, -GazeLimit/GazeStep, GazeLimit/GazeStep))
	a.Yaw = int8(round(r.Yaw/PoseStep, -YawLimit/PoseStep, YawLimit/PoseStep))
	a.Pitch = int8(round(r.Pitch/PoseStep, -PitchLimit/PoseStep, PitchLimit/PoseStep))
	return a
}

// Values are the grid values of a: units 0..1, angles in degrees.
func (a Appearance) Values() Raw {
	var r Raw
	for i, v := range a.Expression {
		r.Expression[i] = float64(v) / float64(Levels(i)-1)
	}
	r.GazeYaw, r.GazePitch = float64(a.GazeYaw)*GazeStep, float64(a.GazePitch)*GazeStep
	r.Yaw, r.Pitch = float64(a.Yaw)*PoseStep, float64(a.Pitch)*PoseStep
	return r
}

// Valid says that a lies on the grid (a decision list is edited by hand).
func (a Appearance) Valid() bool { return a == Quantize(a.Values()) }

// Bits is the upper bound of information one appearance carries: log2 of the number of grid points (invariant I9).
func Bits() float64 {
	return (Units-1)*math.Log2(UnitLevels) + math.Log2(MouthLevels) + 2*math.Log2(gazeLevels) + math.Log2(yawLevels) + math.Log2(pitchLevels)
}

func round(v, lo, hi float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return math.Round(min(hi, max(lo, v)))
}
