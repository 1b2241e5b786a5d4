package landmark

import (
	"errors"
	"math"
	"testing"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/frame"
)

// What is the same throughout a track is a person's own, within bounds; what comes and goes is an expression, and keeps its peak.
func TestLevelTakesOutTheRest(t *testing.T) {
	const smile, pucker, shown = 0, 11, 14
	tr := resting(100, .25, func(i int, s *Sample) {
		e := &s.Raw.Expression
		e[smile], e[pucker], e[shown] = .15, .6, 0
		s.Raw.GazeYaw, s.Raw.GazePitch, s.Raw.Yaw, s.Raw.Pitch = 10, -2, 9, -4
		if i%4 == 0 {
			e[smile], e[shown], s.Raw.GazePitch, s.Raw.Pitch = 1, .7, 6, 10
		}
	})
	h := head(t)
	if err := h.level(tr); err != nil {
		t.Fatal(err)
	}
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	rest, peak := tr[1].Raw, tr[4].Raw
	near("a resting smile", rest.Expression[smile], 0)
	near("a full smile", peak.Expression[smile], 1)
	near("lips that are pursed throughout", rest.Expression[pucker], (.6-mostUnit)/(1-mostUnit))
	near("what rests at nothing", peak.Expression[shown], .7)
	near("a look aside throughout", rest.GazeYaw, 10-mostGaze)
	near("how the eyes are set", rest.GazePitch, 0)
	near("a look up", peak.GazePitch, 8)
	near("yaw", rest.Yaw, 9)
	near("how the head is held", rest.Pitch, 0)
	near("a nod", peak.Pitch, 14)
	bent := resting(20, 0, func(_ int, s *Sample) { s.Raw.Pitch = 28 })
	lost := resting(20, 0, func(_ int, s *Sample) { s.Presence, s.Raw.GazeYaw, s.Raw.Pitch = 0, 2, 5 })
	for _, tr := range [][]Sample{bent, lost, nil} {
		if err := h.level(tr); err != nil {
			t.Fatal(err)
		}
	}
	near("a head bent throughout", bent[0].Raw.Pitch, 28-mostPitch)
	near("a track without a face", lost[0].Raw.GazeYaw+lost[0].Raw.Pitch, 7)
}

// A head that is rendered at another pitch stands where it stood: in size, place and roll, and wherever it looks.
func TestRaisedHeadsStay(t *testing.T) {
	h := head(t)
	for _, yaw := range []float64{-60, 0, 35} {
		at := align.Placement{X: 400, Y: 300, Scale: 200, Roll: .3}
		s := Sample{Placement: at}
		s.Raw.Yaw, s.Raw.Pitch = yaw, 12
		if err := h.raise(&s, mostPitch); err != nil {
			t.Fatal(err)
		}
		var before, after frame.Point
		for _, i := range h.Stable {
			p, q := at.Matrix().Apply(h.project(i, yaw, 12)), s.Placement.Matrix().Apply(h.project(i, yaw, 12-mostPitch))
			before, after = frame.Point{X: before.X + p.X, Y: before.Y + p.Y}, frame.Point{X: after.X + q.X, Y: after.Y + q.Y}
			if d := math.Hypot(p.X-q.X, p.Y-q.Y); d > .06*at.Scale {
				t.Errorf("yaw %v: point %d moves by %.1f px of %v", yaw, i, d, at.Scale)
			}
		}
		n := float64(len(h.Stable))
		if d := math.Hypot(before.X-after.X, before.Y-after.Y) / n; s.Raw.Pitch != 12-mostPitch || d > 1e-9*at.Scale {
			t.Errorf("yaw %v: the middle moves by %v px, pitch %v", yaw, d, s.Raw.Pitch)
		}
		if err := h.raise(&s, -mostPitch); err != nil || math.Abs(s.Placement.Scale/at.Scale-1) > .02 || math.Hypot(s.Placement.X-at.X, s.Placement.Y-at.Y) > .02*at.Scale {
			t.Errorf("yaw %v: and back: %+v, %v", yaw, s.Placement, err)
		}
	}
	s := Sample{Placement: align.Placement{Scale: math.NaN()}}
	if err := h.raise(&s, 1); !errors.Is(err, ErrOutput) || s.Raw.Pitch != 0 {
		t.Errorf("a placement that is no number: %v", err)
	}
}

// A stream's face is levelled by what it has shown: its rest is gone soon, an expression stays, and a lost picture does no harm.
func TestOpenerLevelsAsItGoes(t *testing.T) {
	const smile, brow = 0, 6
	p := NewOpener(head(t))
	show := func(n int, smiling, pitch float64) (s Sample) {
		for range n {
			s = Sample{Presence: 1, Geometry: faced(t, .0045, .308, 0), Placement: align.Placement{Scale: 200}}
			s.Raw.Expression[smile], s.Raw.Expression[brow], s.Raw.GazePitch, s.Raw.Pitch = smiling, .4, 2, pitch
			var err error
			if s, err = p.Next(s); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	if s := show(1, .9, 6); s.Raw.Expression[smile] < .8 || s.Raw.Expression[brow] != 0 {
		t.Errorf("the first picture: %v", s.Raw.Expression)
	}
	if s := show(50, .1, 6); s.Raw.Expression[smile] > .01 || s.Raw.Expression[brow] > .01 || math.Abs(s.Raw.GazePitch)+math.Abs(s.Raw.Pitch) > .01 {
		t.Errorf("at rest: %+v", s.Raw)
	}
	broken := Sample{Presence: 1, Geometry: &Geometry{}}
	broken.Raw.Yaw, broken.Raw.Expression[smile] = math.NaN(), math.NaN()
	if s, err := p.Next(broken); err != nil || s.Raw.Finite() {
		t.Errorf("a broken picture: %+v, %v", s.Raw, err)
	}
	if s := show(1, 1, -4); math.Abs(s.Raw.Expression[smile]-1) > 1e-9 || math.Abs(s.Raw.Pitch+10) > .1 {
		t.Errorf("a full smile and a nod: %+v", s.Raw)
	}
	if s := show(10_000, .9, 20); s.Raw.Expression[smile] < (.9-mostUnit)/(1-mostUnit)-1e-9 || s.Raw.Pitch != 20-mostPitch {
		t.Errorf("a smile that lasts, a head that stays bent: %+v", s.Raw)
	}
}
