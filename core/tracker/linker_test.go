package tracker

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
)

// hash is a repeatable coin for frame i: missed detections without a shared generator.
func hash(i int, seed uint64) float64 { return rand.New(rand.NewPCG(uint64(i), seed)).Float64() }

func missing(share float64, seed uint64) func(int) bool {
	return func(i int) bool { return hash(i, seed) < share }
}

func between(lo, hi int) func(int) bool { return func(i int) bool { return i >= lo && i < hi } }

// crowd is n faces that wander on a grid without ever meeting.
func crowd(n, frames int) []person {
	var out []person
	for p := range n {
		x, y := float64(120+p%6*300), float64(100+p/6*200)
		period := 40 + 7*float64(p)
		out = append(out, person{to: frames, missed: missing(0.1, uint64(p)), box: func(i int) frame.Rect {
			return square(x+sin(i, period, 60), y+sin(i, period*1.3, 30), 60+10*float64(p%4))
		}})
	}
	return out
}

func scenes() map[string]scene {
	late := func(n int) func(int) bool { return func(i int) bool { return i < n } }
	return map[string]scene{
		"linear": {frames: 100, jitter: 0.03, people: []person{
			{to: 100, box: linear(200, 300, 8, 2, 100)}, {to: 100, box: linear(1700, 600, -10, 1, 80)}}},
		"still": {frames: 60, jitter: 0.03, people: []person{{to: 60, box: linear(500, 500, 0, 0, 50)}}},
		"fast at a low frame rate": {frames: 25, jitter: 0.03, people: []person{
			{to: 25, box: linear(100, 300, 65, 0, 60)}, {to: 25, box: linear(1800, 800, -70, 0, 60)}}},
		"crossing apart": {frames: 120, jitter: 0.03, people: []person{
			{to: 120, box: linear(300, 300, 9, 0, 100)}, {to: 120, box: linear(1400, 355, -9, 0, 100)}}},
		"crossing behind": {frames: 120, jitter: 0.03, hideIoU: 0.3, people: []person{
			{to: 120, box: linear(300, 300, 9, 0, 100)}, {to: 120, box: linear(1400, 310, -9, 0, 100)}}},
		"crossing slowly behind": {frames: 200, jitter: 0.03, hideIoU: 0.3, people: []person{
			{to: 200, box: linear(700, 300, 1.5, 0, 100)}, {to: 200, box: linear(1000, 305, -1.5, 0, 100)}}},
		"meeting and turning back": {frames: 120, jitter: 0.03, hideIoU: 0.3, people: []person{
			{to: 120, box: func(i int) frame.Rect { return square(600-5*math.Abs(float64(i-60)), 300, 100) }},
			{to: 120, box: func(i int) frame.Rect { return square(610+5*math.Abs(float64(i-60)), 305, 100) }}}},
		"meeting, both hidden": {frames: 120, jitter: 0.03, people: []person{
			{to: 120, missed: between(50, 70), box: func(i int) frame.Rect { return square(600-5*math.Abs(float64(i-60)), 300, 100) }},
			{to: 120, missed: between(52, 71), box: func(i int) frame.Rect { return square(610+5*math.Abs(float64(i-60)), 305, 100) }}}},
		"hidden for 20 frames": {frames: 120, jitter: 0.03, people: []person{
			{to: 120, missed: between(50, 70), box: linear(300, 300, 4, 0, 100)}}},
		"hidden, then somewhere else": {frames: 120, jitter: 0.03, people: []person{
			{to: 120, missed: between(50, 70), box: func(i int) frame.Rect { return square(300+3*float64(min(i, 55)), 300, 100) }}}},
		"stopped behind something": {frames: 120, jitter: 0.03, people: []person{
			{to: 120, missed: between(51, 73), box: func(i int) frame.Rect { return square(300+9*float64(min(i, 50)), 300, 100) }}}},
		"a third missed": {frames: 150, jitter: 0.04, people: []person{
			{to: 150, missed: missing(0.35, 1), box: linear(200, 300, 5, 1, 90)},
			{to: 150, missed: missing(0.35, 2), box: linear(1500, 800, -4, -1, 70)}}},
		"strays": {frames: 150, jitter: 0.03, strays: 40, people: []person{
			{to: 150, missed: missing(0.1, 3), box: linear(200, 300, 5, 1, 90)},
			{to: 150, box: linear(1500, 700, -4, -2, 70)}}},
		"seen late": {frames: 80, jitter: 0.03, people: []person{{to: 80, missed: late(12), box: linear(300, 300, 6, 2, 100)}}},
		"weak before sure": {frames: 80, jitter: 0.03, people: []person{{to: 80, box: linear(300, 300, 6, 2, 100),
			score: func(i int) float64 { return min(0.9, 0.22+0.01*float64(i)) }}}},
		"flickering score": {frames: 100, jitter: 0.03, people: []person{{to: 100, box: linear(300, 300, 6, 2, 100),
			score: func(i int) float64 { return 0.25 + 0.6*hash(i, 4) }}}},
		"shaken camera": {frames: 100, jitter: 0.02, people: []person{
			{to: 100, box: linear(300, 300, 2, 0, 80)}, {to: 100, box: linear(420, 320, 2, 0, 80)},
			{to: 100, box: linear(800, 500, -2, 0, 90)}, {to: 100, box: linear(1200, 420, 1, 1, 70)}},
			shake: func(i int) frame.Point { return frame.Point{X: 80 * (hash(i, 5) - 0.5), Y: 80 * (hash(i, 6) - 0.5)} }},
		"knocked camera": {frames: 60, jitter: 0.02, people: []person{
			{to: 60, box: linear(300, 300, 0, 0, 80)}, {to: 60, box: linear(410, 310, 0, 0, 80)}, {to: 60, box: linear(520, 290, 0, 0, 80)}},
			shake: func(i int) frame.Point { return frame.Point{X: 100 * float64(min(max(i-29, 0), 1))} }},
		"cuts": {frames: 120, cuts: []int{40, 80}, jitter: 0.03, people: []person{
			{to: 40, box: linear(500, 300, 2, 0, 100)}, {from: 40, to: 80, box: linear(480, 300, 2, 0, 100)},
			{from: 80, to: 120, missed: between(80, 85), box: linear(400, 300, 2, 0, 100)}}},
		"a cut that was missed": {frames: 80, jitter: 0.03, people: []person{
			{to: 40, box: linear(300, 300, 1, 0, 80)}, {from: 40, to: 80, box: linear(900, 500, 1, 0, 120)}}},
		"thirty faces": {frames: 100, jitter: 0.03, people: crowd(30, 100)},
		"every fifth frame": {frames: 151, jitter: 0.02, stride: 5, people: []person{
			{to: 151, box: linear(200, 300, 4, 1, 90)}, {to: 151, box: linear(1500, 700, -4, -1, 70)}}},
		"zoom": {frames: 80, jitter: 0.03, people: []person{{to: 80, box: func(i int) frame.Rect {
			return square(900, 500, 40*math.Pow(1.03, float64(i)))
		}}}},
	}
}

// pieces that a person may be split into: 1, but where the scene leaves a doubt that only appearance can settle.
var mayFall = map[string]int{
	"crossing slowly behind": 3, "meeting and turning back": 3, "meeting, both hidden": 2, "crossing behind": 2,
}

// The detector's own boxes, with jitter, cover 0.88 of the true box at worst (three deviations on two edges); tracking must
// not cover less.
func TestScenes(t *testing.T) {
	for name, s := range scenes() {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(5) {
				s.seed = seed
				frames := s.render()
				out := mustLink(t, DefaultConfig(), frames)
				got := s.judge(frames, out, 12, 0.88)
				if got.switches != 0 {
					t.Errorf("seed %d: %d tracklets hold two people", seed, got.switches)
				}
				if len(got.exposed) > 0 {
					t.Errorf("seed %d: %d face-frames exposed, first %s", seed, len(got.exposed), got.exposed[0])
				}
				if got.strays != 0 {
					t.Errorf("seed %d: %d false alarms confirmed", seed, got.strays)
				}
				for p := range s.people {
					if n := got.pieces[p]; n > max(1, mayFall[name]) {
						t.Errorf("seed %d: person %d fell into %d tracklets", seed, p, n)
					}
				}
				if mayFall[name] == 0 && got.ambiguous > 0 {
					t.Errorf("seed %d: %d tracklets ambiguous in a scene without doubt", seed, got.ambiguous)
				}
			}
		})
	}
}

// TestEntriesHoldTheirPromises checks what Entry and Tracklet document, over every scene.
func TestEntriesHoldTheirPromises(t *testing.T) {
	for name, s := range scenes() {
		frames := s.render()
		for _, tr := range mustLink(t, DefaultConfig(), frames) {
			for i, e := range tr.Entries {
				if i > 0 && e.Frame != tr.Entries[i-1].Frame+1 {
					t.Fatalf("%s: tracklet %d has a hole before frame %d", name, tr.ID, e.Frame)
				}
				for _, c := range s.cuts {
					if lo, hi := tr.Entries[0].Frame, e.Frame; lo < int64(c) && hi >= int64(c) {
						t.Fatalf("%s: tracklet %d crosses the cut at %d", name, tr.ID, c)
					}
				}
				if e.Box.Empty() || math.IsNaN(e.Box.Area()) || e.Cover.Union(e.Box) != e.Cover {
					t.Fatalf("%s: frame %d: box %v, cover %v", name, e.Frame, e.Box, e.Cover)
				}
				want := Interpolated
				if e.Frame < tr.First || e.Frame > tr.Last {
					want = Extended
				}
				if (e.Tag >= 0) != (e.Kind == Observed) || (e.Tag < 0 && e.Kind != want) {
					t.Fatalf("%s: frame %d of %d..%d: kind %v, tag %d", name, e.Frame, tr.First, tr.Last, e.Kind, e.Tag)
				}
				if e.Kind != Observed {
					continue
				}
				k := slices.IndexFunc(frames[e.Frame].Obs, func(o Observation) bool { return o.Tag == e.Tag })
				if k < 0 {
					t.Fatalf("%s: frame %d has no observation %d", name, e.Frame, e.Tag)
				}
				o := frames[e.Frame].Obs[k]
				core := o.Box.Grow(-0.21, -0.21)
				if e.Cover.Union(o.Box) != e.Cover || e.Box.Union(core) != e.Box {
					t.Fatalf("%s: frame %d: box %v and cover %v for observation %v", name, e.Frame, e.Box, e.Cover, o.Box)
				}
			}
		}
	}
}

func TestLinkIgnoresOrderOfObservations(t *testing.T) {
	for name, s := range scenes() {
		frames := s.render()
		want := mustLink(t, DefaultConfig(), frames)
		if again := mustLink(t, DefaultConfig(), frames); !reflect.DeepEqual(want, again) {
			t.Fatalf("%s: two runs differ", name)
		}
		r := rand.New(rand.NewPCG(1, 2))
		for i := range frames {
			o := frames[i].Obs
			r.Shuffle(len(o), func(a, b int) { o[a], o[b] = o[b], o[a] })
		}
		if got := mustLink(t, DefaultConfig(), frames); !reflect.DeepEqual(want, got) {
			t.Errorf("%s: the order of observations changes the tracklets", name)
		}
	}
}

// TestWalkersThatHideEachOther: people walk to and fro, pass before and behind each other, and one detection in seven is
// missed. Motion alone must not exchange them.
func TestWalkersThatHideEachOther(t *testing.T) {
	for _, n := range []int{2, 4} {
		for seed := range uint64(12) {
			r := rand.New(rand.NewPCG(seed, uint64(n)))
			s := scene{frames: 200, jitter: 0.03, hideIoU: 0.3 + 0.15*float64(seed%2), seed: seed}
			for p := range n {
				x, y := 200+r.Float64()*1500, 200+r.Float64()*600
				px, py := 60+r.Float64()*200, 60+r.Float64()*200
				ax, ay := r.Float64()*300, r.Float64()*100
				size, phase := 60+r.Float64()*50, r.IntN(200)
				s.people = append(s.people, person{to: 200, missed: missing(0.15, uint64(p)+seed*100), box: func(i int) frame.Rect {
					return square(x+sin(i+phase, px, ax), y+sin(i+phase, py, ay), size)
				}})
			}
			frames := s.render()
			got := s.judge(frames, mustLink(t, DefaultConfig(), frames), 12, 0.85)
			if got.switches != 0 || len(got.exposed) != 0 {
				t.Errorf("%d people, seed %d: %d tracklets hold two people; exposed: %v", n, seed, got.switches, got.exposed)
			}
		}
	}
}

// TestStrayIsTakenOutOfAPath: a false alarm beside a face that is missed in that frame is no part of its path.
func TestStrayIsTakenOutOfAPath(t *testing.T) {
	var frames []Frame
	at := linear(300, 300, 6, 0, 100)
	for i := range 60 {
		b, tag := at(i), 0
		if i == 30 {
			b, tag = shift(b, frame.Point{X: 30, Y: 75}), strayTag
		}
		frames = append(frames, Frame{Index: int64(i), Obs: []Observation{sure(tag, b)}})
	}
	out := mustLink(t, DefaultConfig(), frames)
	if len(out) != 2 || out[0].Hits != 59 || out[1].BestTag != strayTag || out[1].Confirmed {
		t.Fatalf("got %+v", out)
	}
	e := out[0].At(30)
	if e.Kind != Interpolated || e.Box.IoU(at(30)) < 0.95 {
		t.Errorf("the face is at %v in frame 30, want %v", e.Box, at(30))
	}
}

// What has ended stays as it is, though a dissolve lets tracklets reach into the shot that follows until that ends.
func TestEnded(t *testing.T) {
	s := scene{frames: 200, people: crowd(3, 200)}
	l, err := NewLinker(DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	ended := map[int]Tracklet{} // as they were when they had
	for _, f := range s.render() {
		f.Cut = f.Index == 60 || f.Index == 150
		if err := l.Add(f); err != nil {
			t.Fatal(err)
		}
		if f.Index == 104 {
			if err := l.Split(100); err != nil {
				t.Fatal(err)
			}
		}
		for i, x := range l.Ended() {
			if _, known := ended[i]; !known {
				x.Entries = slices.Clone(x.Entries)
				ended[i] = x
			}
		}
		if want := 3 * (min(f.Index/60, 1) + 2*(f.Index/150)); int64(len(ended)) != want {
			t.Fatalf("frame %d: %d tracklets have ended, want %d", f.Index, len(ended), want)
		}
	}
	all, err := l.Finish()
	if err != nil || len(all) != 12 || len(l.Ended()) != 12 {
		t.Fatalf("%d tracklets, %d of them ended, %v", len(all), len(l.Ended()), err)
	}
	for i, was := range ended {
		if !reflect.DeepEqual(all[i], was) {
			t.Errorf("tracklet %d has changed: entries of %d to %d frames, now %d", i, was.Entries[0].Frame, len(was.Entries), len(all[i].Entries))
		}
	}
}
