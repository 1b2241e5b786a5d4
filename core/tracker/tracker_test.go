package tracker

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
)

func mustNew(t testing.TB, cfg Config) *Tracker {
	t.Helper()
	k, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func mustUpdate(t testing.TB, k *Tracker, index int64, cut bool, obs ...Observation) []*Track {
	t.Helper()
	out, err := k.Update(index, cut, obs)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func sure(tag int, b frame.Rect) Observation { return Observation{Box: b, Score: 0.9, Tag: tag} }

func TestLifeOfATrack(t *testing.T) {
	cfg := DefaultConfig()
	k := mustNew(t, cfg)
	at := func(i int64) frame.Rect { return square(300+5*float64(i), 300, 80) }
	var states []State
	for i := range int64(50) {
		var obs []Observation
		if i < 10 {
			obs = append(obs, sure(0, at(i)))
		}
		out := mustUpdate(t, k, i, false, obs...)
		if len(out) != min(1, len(out)) {
			t.Fatalf("frame %d: %d tracks", i, len(out))
		}
		if len(out) == 0 {
			continue
		}
		states = append(states, out[0].State)
		if c := out[0].Cover; i < 22 && c.Union(at(i)) != c {
			t.Errorf("frame %d: cover %v leaves out the face %v", i, c, at(i))
		}
		if tag := out[0].Tag; (tag == 0) != (i < 10) {
			t.Errorf("frame %d: tag %d", i, tag)
		}
	}
	var want []State
	for s, n := range []int{2, 8, cfg.Lost, 1} {
		want = append(want, slices.Repeat([]State{State(s)}, n)...)
	}
	if !slices.Equal(states, want) {
		t.Errorf("states %v, want %v", states, want)
	}
}

func TestFalseAlarmIsTentativeThenGone(t *testing.T) {
	k := mustNew(t, DefaultConfig())
	out := mustUpdate(t, k, 0, false, sure(0, square(300, 300, 80)))
	if len(out) != 1 || out[0].State != Tentative {
		t.Fatalf("got %v, want one tentative track", out)
	}
	for i := range int64(10) {
		for _, o := range mustUpdate(t, k, i+1, false) {
			if o.State == Confirmed || o.State == Lost {
				t.Errorf("frame %d: a face seen once is %v", i+1, o.State)
			}
			if i > 3 {
				t.Errorf("frame %d: still %v", i+1, o.State)
			}
		}
	}
}

func TestWeakTrackIsHiddenUntilItLasts(t *testing.T) {
	cfg := DefaultConfig()
	k := mustNew(t, cfg)
	for i := range 10 {
		out := mustUpdate(t, k, int64(i), false, Observation{Box: square(300, 300, 80), Score: 0.4})
		if got, want := len(out), min(1, (i+1)/cfg.WeakHits); got != want {
			t.Errorf("after %d weak observations: %d tracks, want %d", i+1, got, want)
		}
	}
}

func TestCutEndsTracks(t *testing.T) {
	k := mustNew(t, DefaultConfig())
	for i := range int64(5) {
		mustUpdate(t, k, i, false, sure(0, square(300, 300, 80)))
	}
	out := mustUpdate(t, k, 5, true, sure(0, square(301, 300, 80)))
	if len(out) != 2 || out[0].State != Removed || out[0].ID != 1 || out[1].State != Tentative || out[1].ID != 2 {
		t.Errorf("after a cut: %+v", out)
	}
}

// TestNothingIsFoundAfterLost: a gap in the frame numbers counts in frames, not in calls.
func TestNothingIsFoundAfterLost(t *testing.T) {
	cfg := DefaultConfig()
	for _, gap := range []int64{int64(cfg.Lost), int64(cfg.Lost) + 1} {
		k := mustNew(t, cfg)
		for i := range int64(5) {
			mustUpdate(t, k, i, false, sure(0, square(300, 300, 80)))
		}
		out := mustUpdate(t, k, 4+gap, false, sure(0, square(300, 300, 80)))
		if found := len(out) == 1 && out[0].ID == 1; found != (gap == int64(cfg.Lost)) {
			t.Errorf("gap of %d frames: found again %v", gap, found)
		}
	}
}

func TestUpdateRefuses(t *testing.T) {
	nan := math.NaN()
	good := square(300, 300, 80)
	for name, o := range map[string]Observation{
		"NaN box":      {Box: frame.Rect{X0: nan, X1: 1, Y1: 1}, Score: 0.5},
		"endless box":  {Box: frame.Rect{X1: math.Inf(1), Y1: 1}, Score: 0.5},
		"huge box":     {Box: frame.Rect{X1: 1e300, Y1: 1}, Score: 0.5},
		"empty box":    {Box: frame.Rect{X0: 2, X1: 2, Y1: 1}, Score: 0.5},
		"inverted box": {Box: frame.Rect{X0: 2, X1: 1, Y1: 1}, Score: 0.5},
		"NaN score":    {Box: good, Score: nan},
		"score of 2":   {Box: good, Score: 2},
		"NaN point":    {Box: good, Score: 0.5, Points: [5]frame.Point{{X: nan}}},
		"negative tag": {Box: good, Score: 0.5, Tag: -1},
	} {
		if _, err := mustNew(t, DefaultConfig()).Update(0, false, []Observation{o}); err == nil {
			t.Errorf("Update took a %s", name)
		}
		if _, err := Link(DefaultConfig(), []Frame{{Obs: []Observation{o}}}); err == nil {
			t.Errorf("Link took a %s", name)
		}
	}
	k := mustNew(t, DefaultConfig())
	mustUpdate(t, k, 3, false)
	if _, err := k.Update(3, false, nil); err == nil {
		t.Error("a frame was taken twice")
	}
	if _, err := Link(DefaultConfig(), []Frame{{Index: 2}, {Index: 1, Cut: true}}); err == nil {
		t.Error("frames were taken out of order")
	}
	if _, err := Link(DefaultConfig(), []Frame{{Skipped: true, Obs: []Observation{sure(0, good)}}}); err == nil {
		t.Error("a skipped frame had observations")
	}
}

func TestConfigReportsAllFaults(t *testing.T) {
	good := DefaultConfig()
	if err := good.Validate(); err != nil {
		t.Fatalf("the defaults are refused: %v", err)
	}
	var zero Config
	err := zero.Validate()
	if err == nil {
		t.Fatal("the zero value was taken")
	}
	for _, field := range []string{"High", "MinHits", "Lost", "Gate", "MaxScale"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("%q does not name %s", err, field)
		}
	}
	v := reflect.ValueOf(&good).Elem()
	for i := range v.NumField() {
		if v.Field(i).Kind() != reflect.Float64 {
			continue
		}
		bad := DefaultConfig()
		reflect.ValueOf(&bad).Elem().Field(i).SetFloat(math.NaN())
		if bad.Validate() == nil {
			t.Errorf("%s may be NaN", v.Type().Field(i).Name)
		}
	}
}

// TestOnlineScenes plays the scenes to a Tracker: no exchange of faces, and every face that is tracked stays covered
// through the gaps.
func TestOnlineScenes(t *testing.T) {
	for name, s := range scenes() {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(5) {
				s.seed = seed
				k := mustNew(t, DefaultConfig())
				who := map[int]int{} // track -> person
				seen := map[int]int{}
				for i, f := range s.render() {
					if f.Skipped {
						continue
					}
					out := mustUpdate(t, k, f.Index, f.Cut, f.Obs...)
					for _, o := range f.Obs {
						if o.Score >= DefaultConfig().High {
							seen[o.Tag]++
						}
					}
					for _, tr := range out {
						if tr.Tag >= strayTag || tr.Tag < 0 {
							continue
						}
						if p, ok := who[tr.ID]; ok && p != tr.Tag {
							t.Errorf("seed %d frame %d: track %d was person %d and is %d", seed, i, tr.ID, p, tr.Tag)
						}
						who[tr.ID] = tr.Tag
					}
					for p := range s.people {
						b, ok := s.truth(p, i)
						if !ok || seen[p] < 5 {
							continue
						}
						most := 0.0
						for _, tr := range out {
							if tr.State != Removed {
								most = max(most, tr.Cover.Intersect(b).Area()/b.Area())
							}
						}
						if most < 0.7 {
							t.Errorf("seed %d frame %d: %.0f %% of person %d covered", seed, i, 100*most, p)
						}
					}
				}
			}
		})
	}
}

func TestUpdateIgnoresOrderOfObservations(t *testing.T) {
	for name, s := range scenes() {
		a, b := mustNew(t, DefaultConfig()), mustNew(t, DefaultConfig())
		r := rand.New(rand.NewPCG(1, 2))
		for _, f := range s.render() {
			x := mustUpdate(t, a, f.Index, f.Cut, f.Obs...)
			o := slices.Clone(f.Obs)
			r.Shuffle(len(o), func(i, j int) { o[i], o[j] = o[j], o[i] })
			y := mustUpdate(t, b, f.Index, f.Cut, o...)
			if !slices.EqualFunc(x, y, func(x, y *Track) bool {
				return x.ID == y.ID && x.State == y.State && x.Box == y.Box && x.Cover == y.Cover && x.Tag == y.Tag
			}) {
				t.Fatalf("%s: frame %d depends on the order of observations", name, f.Index)
			}
		}
	}
}

func TestTrackAt(t *testing.T) {
	k := mustNew(t, DefaultConfig())
	at := func(i int64) frame.Rect { return square(300+6*float64(i), 300+2*float64(i), 80) }
	var tr *Track
	for i := int64(20); i < 40; i++ {
		var obs []Observation
		if i < 30 || i > 33 {
			obs = append(obs, sure(0, at(i)))
		}
		tr = mustUpdate(t, k, i, false, obs...)[0]
	}
	for i := int64(8); i < 40; i++ {
		b, ok := tr.At(i)
		if !ok {
			t.Fatalf("nothing known of frame %d", i)
		}
		if share := b.Intersect(at(i)).Area() / at(i).Area(); share < 0.999 {
			t.Errorf("frame %d: %.0f %% of the face covered", i, 100*share)
		}
	}
	for _, i := range []int64{7, 40, -5} {
		if b, ok := tr.At(i); ok {
			t.Errorf("frame %d: %v", i, b)
		}
	}
}

func TestUpdateAllocatesNothing(t *testing.T) {
	k := mustNew(t, DefaultConfig())
	obs := make([]Observation, 30)
	index := int64(0)
	step := func() {
		for p := range obs {
			obs[p] = sure(p, square(float64(100+p%6*300)+float64(index%50), float64(100+p/6*200), 70))
		}
		// Every seventh frame misses one face.
		use := obs
		if index%7 == 0 {
			use = obs[1:]
		}
		if _, err := k.Update(index, false, use); err != nil {
			t.Fatal(err)
		}
		index++
	}
	for range 20 {
		step()
	}
	if n := testing.AllocsPerRun(25, step); n != 0 {
		t.Errorf("%v allocations per frame", n)
	}
}

func BenchmarkUpdate(b *testing.B) {
	s := scene{frames: 200, jitter: 0.03, people: crowd(30, 200)}
	frames := s.render()
	b.ReportAllocs()
	for b.Loop() {
		k := mustNew(b, DefaultConfig())
		for _, f := range frames {
			mustUpdate(b, k, f.Index, f.Cut, f.Obs...)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(frames)), "µs/frame")
}

func BenchmarkLink(b *testing.B) {
	s := scene{frames: 200, jitter: 0.03, people: crowd(30, 200)}
	frames := s.render()
	for b.Loop() {
		if _, err := Link(DefaultConfig(), frames); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(frames)), "µs/frame")
}
