package pipeline

import (
	"math"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/appearance"
)

// oneEuro smooths a value that is known up to now only: strongly while it rests, where jitter shows, weakly while it
// moves, where lag shows. Time counts in pictures.
// Source: Casiez, Roussel, Vogel: "1€ Filter", CHI 2012, equations 2 to 5.
type oneEuro struct {
	value, speed float64
	began        bool
}

// steadiness is the cutoff at rest, in cycles per picture, and how much it rises per unit of speed.
type steadiness struct{ rest, rise float64 }

// Chosen for 25 to 30 pictures a second. Positions are in face sizes, angles in degrees, expression units 0..1: a face
// that moves a twentieth of its size per picture, or turns by 3 degrees, is followed with less than a picture's lag.
// Speech moves the mouth within two pictures, so expression is smoothed least.
var (
	steadyPlace      = steadiness{.06, 8}
	steadyAngle      = steadiness{.08, .1}
	steadyExpression = steadiness{.25, 2}
)

// speedCutoff is the fixed cutoff of the speed's own filter, cycles per picture.
const speedCutoff = .1

// next takes a sample; unit is the size of 1 in the units of s.
func (f *oneEuro) next(v, unit float64, s steadiness) float64 {
	if !f.began {
		*f = oneEuro{value: v, began: true}
		return v
	}
	f.speed += weightOf(speedCutoff) * (v - f.value - f.speed)
	f.value += weightOf(s.rest+s.rise*math.Abs(f.speed)*unit) * (v - f.value)
	return f.value
}

// weightOf is the weight of a new sample in a low-pass of the given cutoff (cycles per sample).
func weightOf(cutoff float64) float64 { return 1 / (1 + 1/(2*math.Pi*cutoff)) }

// poseFilter smooths a face's appearance and placement. The outline is not smoothed: it says what must be hidden now, and
// would lag behind a face that moves.
type poseFilter struct {
	expression          [appearance.Units]oneEuro
	gaze, turn          [2]oneEuro
	x, y, scale, roll   oneEuro
	last                int64 // picture of the last sample
	began               bool
	rawRoll, rolledOver float64
}

// poseMemory is how many pictures a filter remembers a face that has no landmarks; after more, it starts anew.
const poseMemory = 3

func (f *poseFilter) next(at int64, raw appearance.Raw, p align.Placement) (appearance.Raw, align.Placement) {
	if !f.began || at-f.last > poseMemory {
		*f = poseFilter{began: true, rawRoll: p.Roll, rolledOver: p.Roll}
	}
	f.last = at
	for i, v := range raw.Expression {
		raw.Expression[i] = f.expression[i].next(v, 1, steadyExpression)
	}
	raw.GazeYaw = f.gaze[0].next(raw.GazeYaw, 1, steadyAngle)
	raw.GazePitch = f.gaze[1].next(raw.GazePitch, 1, steadyAngle)
	raw.Yaw = f.turn[0].next(raw.Yaw, 1, steadyAngle)
	raw.Pitch = f.turn[1].next(raw.Pitch, 1, steadyAngle)
	// The roll is unrolled, so that a head that turns over does not spin back.
	f.rolledOver += math.Remainder(p.Roll-f.rawRoll, 2*math.Pi)
	f.rawRoll = p.Roll
	size := 1 / p.Scale
	p.X = f.x.next(p.X, size, steadyPlace)
	p.Y = f.y.next(p.Y, size, steadyPlace)
	p.Scale = f.scale.next(p.Scale, size, steadyPlace)
	p.Roll = math.Remainder(f.roll.next(f.rolledOver, 180/math.Pi, steadyAngle), 2*math.Pi)
	return raw, p
}
