package landmark

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/ksamenet/ksamenet/core/appearance"
)

// resting is a track of a still face whose geometry is base in every coordinate.
func resting(n int, base float32, change func(i int, s *Sample)) []Sample {
	return track(n, func(i int, s *Sample) {
		for k := range Coordinates {
			s.Geometry[k] = base
		}
		if change != nil {
			change(i, s)
		}
	})
}

// faced is face, to be put into a sample.
func faced(t testing.TB, gap, eye, yaw float64) *Geometry {
	g := face(t, gap, eye, yaw)
	return &g
}

func TestNeutralIgnoresExpressionAndTurns(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	tr := resting(60, .25, func(i int, s *Sample) {
		switch {
		case i%3 == 0: // speaking: other places, high activity
			s.Raw.Expression[2] = .7
			s.Geometry[30] = .9
		case i%7 == 1: // turned away
			s.Geometry[Coordinates] = -.6
			s.Geometry[30] = -5
		case i%7 == 2: // lost
			s.Presence = .1
			s.Geometry[30] = 7
		default:
			s.Geometry[30] += float32(r.NormFloat64()) * .001
		}
		for k := 3 * eyes[0].iris; k < 3*(eyes[0].iris+5); k++ {
			s.Geometry[k] = 3 // a long look aside
		}
	})
	ref, ok := NeutralOf(tr)
	if !ok {
		t.Fatal("no reference")
	}
	for k, v := range ref {
		if v < .245 || v > .255 {
			t.Errorf("coordinate %d of the reference is %v, want .25 (an iris stands amid its eye)", k, v)
		}
	}
}

// A track too short or too far turned for a reference from the front has one of what there is: against the average face its
// brows would tell whose they are.
func TestReferenceFromFewPictures(t *testing.T) {
	for name, tr := range map[string][]Sample{
		"three pictures": resting(3, .25, nil),
		"profile":        resting(100, .25, func(_ int, s *Sample) { s.Geometry[Coordinates] = 1 }),
		"half lost": resting(6, .25, func(i int, s *Sample) {
			if i%2 == 0 {
				s.Presence, s.Geometry[30] = .1, 7
			}
		}),
	} {
		if ref, ok := NeutralOf(tr); !ok || ref[30] != .25 {
			t.Errorf("%s: %v, %v", name, ok, ref[30])
		}
	}
	lost := func(_ int, s *Sample) { s.Presence = .1 }
	if _, ok := NeutralOf(resting(100, 0, lost)); ok {
		t.Error("a track without a face gave a reference")
	}
	ref, _ := NeutralOf(resting(2*minReference, .25, func(i int, s *Sample) {
		if i < minReference-1 {
			s.Geometry[Coordinates], s.Geometry[30] = 1, 7
		}
	}))
	if ref[30] != .25 {
		t.Error("turned pictures count although there are enough from the front")
	}
}

func TestCalibrateMeasuresEyesAndBrowsAnew(t *testing.T) {
	const brow, smile = 6, 1
	regressor := regressorFake(func(data func(string) []float32) {
		g := data("geometry")
		if g[Features-1] != 1 {
			t.Error("the regressor is not told that the geometry is relative")
		}
		for i := range data("expression") {
			data("expression")[i] = g[10]
		}
	})
	a := analyzer(t, meshFake(answer(t)), regressor)
	tr := resting(40, .3, func(i int, s *Sample) {
		s.Raw.Expression[brow], s.Raw.Expression[smile] = .6, .8
		s.Raw.Yaw, s.Raw.GazeYaw = 7, 3
		if i == 20 {
			s.Geometry[10] = .7
		}
	})
	if err := a.Calibrate(context.Background(), tr); err != nil {
		t.Fatal(err)
	}
	// In this geometry the lips touch: the open smile has to close, and the eyes have no width.
	// A gaze of 3° throughout is how the eyes are set.
	want := appearance.Raw{Yaw: 7}
	if tr[5].Raw != want {
		t.Errorf("at rest: got %+v, want %+v", tr[5].Raw, want)
	}
	if v := tr[20].Raw.Expression[brow]; v < .39 || v > .41 {
		t.Errorf("raised brow: got %v, want .4 above its own rest", v)
	}
	regressor.Err = errors.New("boom")
	if err := a.Calibrate(context.Background(), tr); !errors.Is(err, regressor.Err) {
		t.Errorf("got %v, want the engine's error", err)
	}
}
