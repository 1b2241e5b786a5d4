package pipeline

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/detector"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/landmark"
	"github.com/ksamenet/ksamenet/core/recognizer"
	"github.com/ksamenet/ksamenet/core/registry"
)

// actor is one person of a scripted scene: who they are, where, and in which frames the detector sees them.
type actor struct {
	who         int
	x, y        float64
	first, last int64
	blind       bool // the landmarks fail
	tiny        bool // too small to tell who it is
	faint       bool // the detector is never sure
}

// stage plays a scene to the analyzer in place of the networks. Faces are 60 px high.
type stage struct {
	actors []actor
	people [][]float32
	at     int64
	fail   map[string]error // by network
	nan    bool

	steadied int // looks that Steady took
}

func newStage(actors ...actor) *stage {
	r := rand.New(rand.NewPCG(11, 12))
	s := &stage{actors: actors, fail: map[string]error{}}
	for range 32 {
		v := make([]float32, recognizer.Size)
		for i := range v {
			v[i] = float32(r.NormFloat64())
		}
		s.people = append(s.people, unit(v))
	}
	return s
}

func (a actor) box() frame.Rect {
	return frame.Rect{X0: a.x - 24, Y0: a.y - 30, X1: a.x + 24, Y1: a.y + 30}
}

func (s *stage) Detect(_ context.Context, pic *frame.Picture) ([]detector.Detection, error) {
	s.at = pic.Index
	var out []detector.Detection
	for _, a := range s.actors {
		if s.at >= a.first && s.at <= a.last {
			d := detector.Detection{Box: a.box(), Score: .9, Points: [5]frame.Point{{X: a.x, Y: a.y}}}
			if a.faint {
				d.Score = .3
			}
			out = append(out, d)
		}
	}
	return out, s.fail["detector"]
}

func (s *stage) Near(ctx context.Context, pic *frame.Picture, _ frame.Rect, _ float64) ([]detector.Detection, error) {
	return s.Detect(ctx, pic)
}

func (s *stage) who(x, y float64) *actor {
	for i := range s.actors {
		a := &s.actors[i]
		if s.at >= a.first && s.at <= a.last && math.Hypot(a.x-x, a.y-y) < 20 {
			return a
		}
	}
	return nil
}

func (s *stage) Analyze(_ context.Context, _ *frame.Picture, p [5]frame.Point) (landmark.Result, error) {
	if err := s.fail["landmark"]; err != nil {
		return landmark.Result{}, err
	}
	a := s.who(p[0].X, p[0].Y)
	if a == nil || a.blind {
		return landmark.Result{}, nil
	}
	r := landmark.Result{Presence: 1, Placement: align.Placement{X: a.x, Y: a.y, Scale: 90}, Raw: appearance.Raw{Yaw: float64(s.at)}}
	if s.nan {
		r.Raw.Yaw = math.NaN()
	}
	for _, q := range ellipse(a.box()) {
		r.Oval = append(r.Oval, frame.Point{X: q[0], Y: q[1]})
	}
	for i := range r.Mesh.Points { // the face recogniser's points
		r.Mesh.Points[i] = [3]float32{float32(a.x), float32(a.y), 0}
	}
	b := a.box()
	r.Mesh.Points[0] = [3]float32{float32(b.X0), float32(b.Y0), 0}
	r.Mesh.Points[2] = [3]float32{float32(b.X1), float32(b.Y1), 0}
	r.Mesh.Presence = 1
	return r, nil
}

func (s *stage) Follow(context.Context, *frame.Picture, *landmark.Mesh) (landmark.Result, error) {
	return landmark.Result{}, nil // where the detector sees nothing, nobody is there
}

// Steady counts the looks, and sees what Analyze sees half a degree further up.
func (s *stage) Steady(ctx context.Context, pic *frame.Picture, m *landmark.Mesh, more int) (landmark.Result, error) {
	s.steadied += more
	r, err := s.Analyze(ctx, pic, [5]frame.Point{m.Box().Center()})
	r.Raw.Pitch += .5
	return r, err
}

func (s *stage) Calibrate(context.Context, []landmark.Sample) error { return s.fail["calibration"] }

func (s *stage) Embed(_ context.Context, _ *frame.Picture, f recognizer.Face) ([]float32, float64, error) {
	if err := s.fail["recognizer"]; err != nil {
		return nil, 0, err
	}
	a := s.who(f.Points[0].X, f.Points[0].Y)
	if a.tiny {
		return nil, 0, recognizer.ErrTooSmall
	}
	return slices.Clone(s.people[a.who]), .8, nil
}

// nobody is a detector that finds no face.
type nobody struct{}

func (nobody) Detect(context.Context, *frame.Picture) ([]detector.Detection, error) { return nil, nil }

func (nobody) Within(_ context.Context, pic *frame.Picture, part frame.Rect) ([]detector.Detection, frame.Rect, error) {
	return nil, part, nil
}

// textured is a picture whose content depends on the scene, so that the cut detector sees cuts where the scene says so.
func textured(index int64, scene int) *frame.Picture {
	p := frame.New(frame.I420, 320, 240)
	p.Index = index
	r := rand.New(rand.NewPCG(uint64(scene), 9))
	for by := range 15 {
		for bx := range 20 {
			v := byte(40 + r.IntN(170))
			for y := range 16 {
				for x := range 16 {
					p.Planes[0].Data[(by*16+y)*p.Planes[0].Stride+bx*16+x] = v
				}
			}
		}
	}
	return p
}

// run plays frames pictures, with a cut at each of cuts.
func (s *stage) run(t *testing.T, cfg Config, frames int64, cuts ...int64) (*Analyzer, error) {
	t.Helper()
	a, err := NewAnalyzer(cfg, &Stages{Detector: s, Edges: s, Near: s, Wide: nobody{}, Watch: nobody{}, Turned: nobody{}, Landmark: s, Recognizer: s})
	if err != nil {
		t.Fatal(err)
	}
	scene := 1
	for i := range frames {
		if slices.Contains(cuts, i) {
			scene++
		}
		if _, err := a.Picture(context.Background(), textured(i, scene)); err != nil {
			return a, err
		}
	}
	return a, nil
}

func newRegistry(t *testing.T) *registry.Registry {
	t.Helper()
	dir := t.TempDir()
	r, err := registry.Init(filepath.Join(dir, "r.db"), filepath.Join(dir, "k", "r.key"), registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func (s *stage) decide(t *testing.T, cfg Config, reg *registry.Registry, frames int64, cuts ...int64) (*decisions.List, error) {
	t.Helper()
	a, err := s.run(t, cfg, frames, cuts...)
	if err != nil {
		t.Fatal(err)
	}
	return a.Decide(context.Background(), reg, decisions.Source{SHA256: strings.Repeat("ab", 32)})
}

// six people in two shots; three of them come back.
func twoShots() *stage {
	var actors []actor
	for i := range 3 {
		actors = append(actors, actor{who: i, x: 60 + 100*float64(i), y: 60, last: 29}, actor{who: 3 + i, x: 60 + 100*float64(i), y: 180, last: 29})
		actors = append(actors, actor{who: i, x: 260 - 100*float64(i), y: 120, first: 30, last: 59})
	}
	return newStage(actors...)
}

func config3() Config {
	c := DefaultConfig()
	c.K = 3
	return c
}

func TestDecideCertifies(t *testing.T) {
	reg := newRegistry(t)
	l, err := twoShots().decide(t, config3(), reg, 60, 30)
	if err != nil {
		t.Fatal(err)
	}
	if !l.Policy.Certified || len(l.Persons) != 6 || len(l.Tracks) != 9 || len(l.Shots) != 2 || len(l.Clusters) != 2 {
		t.Fatalf("certified %v, %d persons, %d tracks, %d shots, %d clusters", l.Policy.Certified, len(l.Persons), len(l.Tracks), len(l.Shots), len(l.Clusters))
	}
	for _, c := range l.Clusters {
		if c.Members < 3 || len(c.Donors) != 4 {
			t.Errorf("cluster %+v", c)
		}
	}
	// I6: every frame in which a face was seen has an entry of a track that covers its box.
	jobs := l.ByFrame()
	for _, a := range twoShots().actors {
		for f := a.first; f <= a.last; f++ {
			if !slices.ContainsFunc(jobs[f], func(j decisions.Job) bool {
				return j.Face.Rect().Intersect(a.box()).Area() > .95*a.box().Area()
			}) {
				t.Fatalf("frame %d: nobody covers the face at %v", f, a.box())
			}
		}
	}
	// The same file again: the same people, the same list, byte for byte (I11).
	again, err := twoShots().decide(t, config3(), reg, 60, 30)
	if err != nil {
		t.Fatal(err)
	}
	var x, y bytes.Buffer
	if err := errors.Join(l.Write(&x), again.Write(&y)); err != nil {
		t.Fatal(err)
	}
	if x.String() != y.String() {
		t.Error("the second run decided otherwise")
	}
}

func TestDecideRefusesTooFew(t *testing.T) {
	reg := newRegistry(t)
	s := func() *stage {
		return newStage(actor{who: 1, x: 60, y: 60, last: 29}, actor{who: 2, x: 200, y: 60, last: 29})
	}
	_, err := s().decide(t, config3(), reg, 30)
	var few *ksame.TooFewError
	if !errors.As(err, &few) || few.Have != 2 || few.Need != 3 {
		t.Fatalf("got %v", err)
	}
	if n := len(reg.State().Persons()); n != 0 {
		t.Errorf("a refused run enrolled %d people", n)
	}
	cfg := config3()
	cfg.Uncertified = true
	l, err := s().decide(t, cfg, reg, 30)
	if err != nil {
		t.Fatal(err)
	}
	if l.Policy.Certified || len(l.Clusters) != 1 || l.Persons[0].Cluster != l.Persons[1].Cluster || !strings.Contains(l.Policy.Why, "3 are needed") {
		t.Errorf("uncertified: %+v %+v %+v", l.Policy, l.Clusters, l.Persons)
	}
	if n := len(reg.State().Persons()); n != 0 {
		t.Errorf("an uncertified run enrolled %d people", n)
	}
	cfg.K, cfg.Uncertified = 1, false
	l, err = s().decide(t, cfg, reg, 30)
	if err != nil || l.Policy.Certified || len(l.Clusters) != 2 {
		t.Errorf("k = 1: %v, %+v", err, l)
	}
}

func TestDecideNobody(t *testing.T) {
	l, err := newStage().decide(t, config3(), newRegistry(t), 10)
	if err != nil || len(l.Tracks) != 0 || l.Source.Frames != 10 {
		t.Errorf("%v, %+v", err, l)
	}
}

// Faces that nobody can tell apart are refused too while no cluster is certified, and share the surrogate of an uncertified run.
func TestDecideUnidentified(t *testing.T) {
	s := func() *stage { return newStage(actor{who: 1, x: 60, y: 60, last: 29, tiny: true}) }
	var few *ksame.TooFewError
	if _, err := s().decide(t, config3(), newRegistry(t), 30); !errors.As(err, &few) || few.Have != 0 {
		t.Errorf("got %v", err)
	}
	cfg := config3()
	cfg.Uncertified = true
	l, err := s().decide(t, cfg, newRegistry(t), 30)
	if err != nil || len(l.Clusters) != 1 || l.ByFrame()[10][0].Action != decisions.Replace {
		t.Errorf("%v, %+v", err, l)
	}
}

func TestDecideCoversWhatItCannotRender(t *testing.T) {
	s := twoShots()
	s.actors = append(s.actors, actor{who: 9, x: 30, y: 120, last: 29, blind: true}, actor{who: 10, x: 290, y: 120, last: 29, tiny: true})
	l, err := s.decide(t, config3(), newRegistry(t), 60, 30)
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range l.ByFrame()[10] {
		switch c := j.Face.Rect().Center(); {
		case math.Abs(c.X-30) < 15 && math.Abs(c.Y-120) < 15:
			if j.Action != decisions.Cover {
				t.Errorf("a face without landmarks: %s", j.Action)
			}
		case math.Abs(c.X-290) < 15 && math.Abs(c.Y-120) < 15:
			// Nobody can tell who it is: it wears some certified cluster and is not enrolled.
			if j.Action != decisions.Replace || j.Cluster == 0 {
				t.Errorf("a tiny face: %s, cluster %d", j.Action, j.Cluster)
			}
		}
	}
	if i := slices.IndexFunc(l.Persons, func(p decisions.Person) bool { return p.Registry > 6 }); i >= 0 {
		t.Errorf("more than six people were enrolled: %+v", l.Persons[i])
	}
}

func TestDecideKeepAndCover(t *testing.T) {
	reg := newRegistry(t)
	l, err := twoShots().decide(t, config3(), reg, 60, 30)
	if err != nil {
		t.Fatal(err)
	}
	kept, covered := l.Persons[0].Registry, l.Persons[1].Registry
	cfg := config3()
	cfg.Keep, cfg.Cover = []int64{kept}, []int64{covered}
	if l, err = twoShots().decide(t, cfg, reg, 60, 30); err != nil {
		t.Fatal(err)
	}
	for _, p := range l.Persons {
		want := map[int64]decisions.Action{kept: decisions.Keep, covered: decisions.Cover}[p.Registry]
		if want == "" {
			want = decisions.Replace
		}
		if p.Action != want {
			t.Errorf("person %d: %s, want %s", p.Registry, p.Action, want)
		}
	}
	cfg.Keep = []int64{99}
	if _, err := twoShots().decide(t, cfg, reg, 60, 30); !errors.Is(err, ErrConfig) {
		t.Errorf("keeping an unknown person: %v", err)
	}
}

// I7: an error of any network ends pass 1; a measurement that is no number leaves a face that will be covered.
func TestAnalyzerFailsClosed(t *testing.T) {
	for _, net := range []string{"detector", "landmark", "recognizer"} {
		s := twoShots()
		s.fail[net] = errors.New("device lost")
		if _, err := s.run(t, config3(), 5); err == nil || !strings.Contains(err.Error(), "device lost") {
			t.Errorf("%s: %v", net, err)
		}
	}
	s := twoShots()
	s.nan = true
	cfg := config3()
	cfg.Uncertified = true
	l, err := s.decide(t, cfg, newRegistry(t), 60, 30)
	if err != nil {
		t.Fatal(err)
	}
	for f, jobs := range l.ByFrame() {
		for _, j := range jobs {
			if j.Action != decisions.Cover {
				t.Fatalf("frame %d: a face of unknown pose is %s", f, j.Action)
			}
		}
	}
	s = newStage()
	a, err := NewAnalyzer(config3(), &Stages{Detector: s, Edges: s, Near: s, Wide: nobody{}, Watch: nobody{}, Turned: nobody{}, Landmark: s, Recognizer: s})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Picture(context.Background(), textured(0, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Picture(context.Background(), textured(2, 1)); err == nil {
		t.Error("a picture was skipped unnoticed")
	}
	other := frame.New(frame.I420, 64, 48)
	other.Index = 1
	if _, err := a.Picture(context.Background(), other); err == nil {
		t.Error("a picture of another size was accepted")
	}
}
