package attack

import (
	"math"

	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/landmark"
)

// performance is what a face does in one picture, free of where it is, how large and how tilted. Lengths are in parts of
// the head's size (landmark.Result.Placement.Scale).
type performance struct {
	mouth            float64 // opening: distance of the inner lips' middles
	eyes             float64 // opening: height over width, mean of both eyes
	yaw, pitch, roll float64 // degrees
	units            [appearance.Units]float64
	sample           landmark.Sample           // what units are read from
	own              [appearance.Units]float64 // units against the face's own neutral shape; set once the track is known (calibrate)
	points           [2 * shapePoints]float32  // x, y of the 468 face points, from their centre, upright, to scale
	places           [2 * shapePoints]float32  // the same points in picture px
}

const shapePoints = 468

// Mesh points: middles of the inner lips; corners and three pairs of lids of both eyes.
const lipUpper, lipLower = 13, 14

var eyePoints = [2]struct {
	corners [2]int
	lids    [3][2]int
}{
	{[2]int{33, 133}, [3][2]int{{160, 144}, {159, 145}, {158, 153}}},
	{[2]int{362, 263}, [3][2]int{{385, 380}, {386, 374}, {387, 373}}},
}

func perform(r *landmark.Result) performance {
	m, scale := &r.Mesh, r.Placement.Scale
	p := performance{
		mouth: apart(m, lipUpper, lipLower) / scale,
		yaw:   float64(r.Geometry[landmark.Coordinates]) * 60,
		pitch: float64(r.Geometry[landmark.Coordinates+1]) * 30,
		roll:  r.Placement.Roll * 180 / math.Pi,
		units: r.Raw.Expression, sample: r.Sample(0),
	}
	for _, e := range eyePoints {
		width := apart(m, e.corners[0], e.corners[1])
		for _, l := range e.lids {
			p.eyes += apart(m, l[0], l[1]) / width / 6
		}
	}
	var c frame.Point
	for i := range shapePoints {
		q := m.At(i)
		c.X, c.Y = c.X+q.X/shapePoints, c.Y+q.Y/shapePoints
	}
	sin, cos := math.Sincos(-r.Placement.Roll)
	for i := range shapePoints {
		q := m.At(i)
		x, y := (q.X-c.X)/scale, (q.Y-c.Y)/scale
		p.places[2*i], p.places[2*i+1] = float32(q.X), float32(q.Y)
		p.points[2*i], p.points[2*i+1] = float32(cos*x-sin*y), float32(sin*x+cos*y)
	}
	return p
}

// apart is the distance of two mesh points in space, px: a turned face's mouth is as open as a frontal one's.
func apart(m *landmark.Mesh, i, j int) float64 {
	a, b, d := m.Points[i], m.Points[j], 0.
	for k := range a {
		d += float64(a[k]-b[k]) * float64(a[k]-b[k])
	}
	return math.Sqrt(d)
}

// perform adds one picture of the track: detections, both performances, and what moved since the last picture.
func (t *track) perform(original, output *frame.Picture, box frame.Rect, a, b *sight) error {
	for side, s := range []*sight{a, b} {
		for i, found := range s.found {
			if found {
				t.found[side][i]++
			}
		}
	}
	switch {
	case a.mesh && !within(&a.result.Mesh, original):
		t.cut++
	case a.mesh && b.mesh:
		t.both = append(t.both, both{[sides]performance{perform(&a.steady), perform(&b.steady)}})
	}
	return t.flick.add(original, output, box)
}

// within says that the picture holds the whole face. Of one that its edge cuts, the mesh guesses what lies beyond.
func within(m *landmark.Mesh, pic *frame.Picture) bool {
	b := m.Box()
	return b.X0 >= 0 && b.Y0 >= 0 && b.X1 <= float64(pic.W) && b.Y1 <= float64(pic.H)
}
