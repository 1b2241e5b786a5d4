package pipeline

import (
	"testing"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/verify"
)

// What a watcher found is covered where it was found, in between, and some frames before and after, but not over a cut.
func TestHide(t *testing.T) {
	for why, cover := range map[string]func(l *decisions.List, found []verify.Finding) error{
		WhyFound: func(l *decisions.List, found []verify.Finding) error {
			return finds{lasting: found}.hide(DefaultConfig(), l)
		},
		WhyImported: func(l *decisions.List, found []verify.Finding) error {
			return Hide(DefaultConfig(), l, found, WhyImported)
		},
	} {
		l := listOf(100)
		l.Shots = []decisions.Shot{{First: 0, Last: 49}, {First: 50, Last: 99}}
		at := func(f int64, x float64) verify.Finding {
			return verify.Finding{Frame: f, Score: .7, Box: frame.Rect{X0: x, Y0: 40, X1: x + 30, Y1: 80}}
		}
		if err := cover(l, []verify.Finding{at(10, 40), at(14, 48), at(45, 100), at(80, 100)}); err != nil {
			t.Fatal(err)
		}
		if len(l.Tracks) != 3 || l.Source.Faces != l.Faces() {
			t.Fatalf("%s: %d tracks, %d faces", why, len(l.Tracks), l.Source.Faces)
		}
		jobs := l.ByFrame()
		for f := range int64(100) {
			want := 0
			for _, s := range [][2]int64{{0, 26}, {33, 49}, {68, 92}} {
				if f >= s[0] && f <= s[1] {
					want++
				}
			}
			if len(jobs[f]) != want {
				t.Errorf("%s, frame %d: %d covers, want %d", why, f, len(jobs[f]), want)
			}
			for _, j := range jobs[f] {
				if j.Action != decisions.Cover || j.Track.Why != why {
					t.Errorf("%s, frame %d: %+v", why, f, j)
				}
			}
		}
		for _, f := range []verify.Finding{at(10, 40), at(12, 44), at(14, 48), at(45, 100), at(80, 100)} {
			if verify.Hidden(f.Box, verify.Regions(jobs[f.Frame])) < 1 {
				t.Errorf("%s, frame %d: not hidden", why, f.Frame)
			}
		}
	}
}

// Covers are nobody's: two finds that pass each other are hidden, and neither is carried on as far as a face whose track is in doubt,
// nor along its course.
func TestHideWhatCrosses(t *testing.T) {
	l := listOf(100)
	var found []verify.Finding
	for f := int64(30); f < 60; f++ {
		for _, x := range []float64{40 + 8*float64(f-30), 280 - 8*float64(f-30)} {
			found = append(found, verify.Finding{Frame: f, Score: .7, Box: frame.Rect{X0: x, Y0: 40, X1: x + 30, Y1: 80}})
		}
	}
	if err := (finds{lasting: found}).hide(DefaultConfig(), l); err != nil {
		t.Fatal(err)
	}
	jobs := l.ByFrame()
	for _, f := range found {
		if verify.Hidden(f.Box, verify.Regions(jobs[f.Frame])) < 1 {
			t.Errorf("frame %d: not hidden", f.Frame)
		}
	}
	for f := range int64(100) {
		if (f < 18 || f > 71) && len(jobs[f]) > 0 {
			t.Errorf("frame %d: %d covers", f, len(jobs[f]))
		}
		for _, j := range jobs[f] {
			if w := j.Face.Rect().W(); w > 2*30 {
				t.Errorf("frame %d: a cover is %.0f px wide", f, w)
			}
		}
	}
}

// What the first detector does not see either is covered briefly, and so is what is large and shows in the output only.
func TestHideIsBrief(t *testing.T) {
	at := func(side float64) []verify.Finding { // of 320x240
		return []verify.Finding{{Frame: 50, Score: .7, Box: frame.Rect{X0: 100, Y0: 100, X1: 100 + side, Y1: 100 + side}}}
	}
	for _, tc := range []struct {
		name string
		hide func(l *decisions.List) error
		last int64
	}{
		{"seen by both", func(l *decisions.List) error { return finds{lasting: at(40)}.hide(DefaultConfig(), l) }, 62},
		{"seen by one", func(l *decisions.List) error { return finds{brief: at(40)}.hide(DefaultConfig(), l) }, 52},
		{"in the output", func(l *decisions.List) error { return (*Assured)(nil).Hide(DefaultConfig(), l, at(40)) }, 62},
		{"large, in the output", func(l *decisions.List) error { return (*Assured)(nil).Hide(DefaultConfig(), l, at(60)) }, 52},
	} {
		l := listOf(100)
		if err := tc.hide(l); err != nil {
			t.Fatal(err)
		}
		faces := l.Tracks[0].Faces
		if f := faces[len(faces)-1]; len(l.Tracks) != 1 || f.Frame != tc.last || faces[0].Frame != 100-tc.last {
			t.Errorf("%s: %d tracks, covered from frame %d to %d", tc.name, len(l.Tracks), faces[0].Frame, f.Frame)
		}
	}
}

// What nearly is a face is hidden with what is one in the same place, and not by itself.
func TestHideDoubtful(t *testing.T) {
	l := listOf(100)
	at := func(f int64, x float64) verify.Finding {
		return verify.Finding{Frame: f, Score: .5, Box: frame.Rect{X0: x, Y0: 40, X1: x + 30, Y1: 80}}
	}
	var doubtful []verify.Finding
	for f := range int64(60) {
		doubtful = append(doubtful, at(f, 40), at(f, 200))
	}
	if err := (finds{lasting: []verify.Finding{at(20, 41)}, doubtful: doubtful}).hide(DefaultConfig(), l); err != nil {
		t.Fatal(err)
	}
	jobs := l.ByFrame()
	for f := range int64(60) {
		if verify.Hidden(at(f, 40).Box, verify.Regions(jobs[f])) < 1 || verify.Hidden(at(f, 200).Box, verify.Regions(jobs[f])) > 0 {
			t.Errorf("frame %d: %d covers", f, len(jobs[f]))
		}
	}
}
