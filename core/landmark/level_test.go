package landmark

import (
	"math"
	"testing"
)

// What is the same throughout a track is a person's own, within bounds; what comes and goes is an expression, and keeps its peak.
func TestLevelTakesOutTheRest(t *testing.T) {
	const smile, pucker, shown = 0, 11, 14
	tr := resting(100, .25, func(i int, s *Sample) {
		e := &s.Raw.Expression
		e[smile], e[pucker], e[shown] = .15, .6, 0
		s.Raw.GazeYaw, s.Raw.GazePitch, s.Raw.Yaw, s.Raw.Pitch = 10, -2, 9, -4
		if i%4 == 0 {
			e[smile], e[shown], s.Raw.GazePitch = 1, .7, 6
		}
	})
	level(tr)
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
	near("pitch", rest.Pitch, -4)
	lost := resting(20, 0, func(_ int, s *Sample) { s.Presence, s.Raw.GazeYaw = 0, 2 })
	level(lost)
	near("a track without a face", lost[0].Raw.GazeYaw, 2)
	level(nil)
}

// A stream's face is levelled by what it has shown: its rest is gone soon, an expression stays, and a lost picture does no harm.
func TestOpenerLevelsAsItGoes(t *testing.T) {
	const smile, brow = 0, 6
	var p Opener
	show := func(n int, smiling float64) (s Sample) {
		for range n {
			s = Sample{Presence: 1, Geometry: face(t, .0045, .308, 0)}
			s.Raw.Expression[smile], s.Raw.Expression[brow], s.Raw.GazePitch = smiling, .4, 2
			s = p.Next(s)
		}
		return s
	}
	if s := show(1, .9); s.Raw.Expression[smile] < .8 || s.Raw.Expression[brow] != 0 {
		t.Errorf("the first picture: %v", s.Raw.Expression)
	}
	if s := show(50, .1); s.Raw.Expression[smile] > .01 || s.Raw.Expression[brow] > .01 || math.Abs(s.Raw.GazePitch) > .01 {
		t.Errorf("at rest: %+v", s.Raw)
	}
	broken := Sample{Presence: 1}
	broken.Raw.Yaw, broken.Raw.Expression[smile] = math.NaN(), math.NaN()
	p.Next(broken)
	if s := show(1, 1); math.Abs(s.Raw.Expression[smile]-1) > 1e-9 {
		t.Errorf("a full smile is %v", s.Raw.Expression[smile])
	}
	if s := show(10_000, .9); s.Raw.Expression[smile] < (.9-mostUnit)/(1-mostUnit)-1e-9 {
		t.Errorf("a smile that lasts is %v", s.Raw.Expression[smile])
	}
}
