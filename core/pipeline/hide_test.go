package pipeline

import (
	"testing"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/verify"
)

// What the watcher found is covered where it was found, in between, and some frames before and after, but not over a cut.
func TestHide(t *testing.T) {
	l := listOf(100)
	l.Shots = []decisions.Shot{{First: 0, Last: 49}, {First: 50, Last: 99}}
	at := func(f int64, x float64) verify.Finding {
		return verify.Finding{Frame: f, Score: .7, Box: frame.Rect{X0: x, Y0: 40, X1: x + 30, Y1: 80}}
	}
	if err := Hide(DefaultConfig(), l, []verify.Finding{at(10, 40), at(14, 48), at(45, 100), at(80, 100)}, nil, WhyFound); err != nil {
		t.Fatal(err)
	}
	if len(l.Tracks) != 3 || l.Source.Faces != l.Faces() {
		t.Fatalf("%d tracks, %d faces", len(l.Tracks), l.Source.Faces)
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
			t.Errorf("frame %d: %d covers, want %d", f, len(jobs[f]), want)
		}
		for _, j := range jobs[f] {
			if j.Action != decisions.Cover || j.Track.Why == "" {
				t.Errorf("frame %d: %+v", f, j)
			}
		}
	}
	for _, f := range []verify.Finding{at(10, 40), at(12, 44), at(14, 48), at(45, 100), at(80, 100)} {
		if verify.Hidden(f.Box, verify.Regions(jobs[f.Frame])) < 1 {
			t.Errorf("frame %d: not hidden", f.Frame)
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
	if err := Hide(DefaultConfig(), l, []verify.Finding{at(20, 41)}, doubtful, WhyFound); err != nil {
		t.Fatal(err)
	}
	jobs := l.ByFrame()
	for f := range int64(60) {
		if verify.Hidden(at(f, 40).Box, verify.Regions(jobs[f])) < 1 || verify.Hidden(at(f, 200).Box, verify.Regions(jobs[f])) > 0 {
			t.Errorf("frame %d: %d covers", f, len(jobs[f]))
		}
	}
}
