package pipeline

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ksamenet/ksamenet/core/compositor"
	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/detector"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/landmark"
	"github.com/ksamenet/ksamenet/core/tracker"
)

// sight is what pass 1 keeps of one face in one picture: measurements, no pixels. The tag of a tracker observation is
// the index of its sight.
type sight struct {
	face     *packed              // nil: no landmarks, or its tracklet was drawn
	surround *compositor.Surround // nil: not measured
	view     *view                // nil: not looked at, or not good enough
	known    int                  // the newest sight of the same face, up to this one, that has a view; -1: none
}

// view is what recognisers say of a sight.
type view struct {
	embedding []float32
	quality   float64
	second    []float32 // by the second recogniser; nil: not looked at
}

// Analyzer is pass 1: it looks at every picture of a file once, in order, and then decides. It belongs to one goroutine.
type Analyzer struct {
	// Release, if set, is called once by Decide when nobody and no surrogate has to be looked at any more, before the list is built:
	// the list of a long film fits into what the networks leave. An error of it is Decide's.
	Release func() error

	cfg     Config
	eyes    *Stages
	scout   scout
	linker  *tracker.Linker
	sights  []*sight
	masks   [][]*drawn // of the linker's tracklets, in order, as far as those have ended
	shots   []decisions.Shot
	size    [2]int
	count   int64
	before  []watched // the faces of the previous picture
	now     []watched
	boxes   []frame.Rect // of all faces that were found in this picture, or watched in the previous one
	times   Times
	assured Assured
	asked   []answer // about what the second detector saw in the previous picture
}

// NewAnalyzer prepares pass 1. The stages stay the caller's.
func NewAnalyzer(cfg Config, eyes *Stages) (*Analyzer, error) {
	return &Analyzer{cfg: cfg, eyes: eyes}, nil
}

// Picture looks at one picture and returns the number of faces in it. It only reads pic. After an error the analysis is
// worthless: a picture that was not examined must not be rendered.
func (a *Analyzer) Picture(ctx context.Context, pic *frame.Picture) (faces int, err error) {
	if pic.Index != a.count {
		return 0, fmt.Errorf("pipeline: picture %d came after %d", pic.Index, a.count-1)
	}
	if a.count == 0 {
		a.size = [2]int{pic.W, pic.H}
		a.assured.bounds = pic.Bounds()
		if a.linker, err = tracker.NewLinker(a.tracking()); err != nil {
			return 0, err
		}
	} else if a.size != [2]int{pic.W, pic.H} {
		return 0, fmt.Errorf("pipeline: picture %d is %dx%d, the first was %dx%d; split the file where its size changes", pic.Index, pic.W, pic.H, a.size[0], a.size[1])
	}
	g, err := a.next(ctx, pic)
	if err != nil {
		return 0, err
	}
	if g.index != pic.Index {
		return 0, fmt.Errorf("pipeline: picture %d was looked at ahead, picture %d came", g.index, pic.Index)
	}
	if g.cut || a.count == 0 {
		a.shots = append(a.shots, decisions.Shot{First: a.count, Last: a.count})
		a.before = a.before[:0]
	}
	if g.dissolve > 0 {
		at := pic.Index - int64(g.dissolve/2)
		if err := a.linker.Split(at); err != nil {
			return 0, err
		}
		a.shots[len(a.shots)-1].Last = at - 1
		a.shots = append(a.shots, decisions.Shot{First: at, Last: at, Dissolve: true})
	}
	a.shots[len(a.shots)-1].Last = a.count
	a.count++
	a.assured.frames = a.count

	a.now, a.boxes = a.now[:0], a.boxes[:0]
	for _, b := range a.before {
		a.boxes = append(a.boxes, b.box)
	}
	obs, err := a.seek(ctx, pic, g)
	if err != nil {
		return 0, fmt.Errorf("pipeline: picture %d: %w", pic.Index, err)
	}
	a.before, a.now = a.now, a.before
	if err := a.linker.Add(tracker.Frame{Index: pic.Index, Cut: g.cut, Obs: obs}); err != nil {
		return 0, err
	}
	return len(obs), a.draw(ctx, a.linker.Ended())
}

// look measures one detected face. A face whose landmarks were followed to this picture has them already; one that is new,
// or was lost that way, takes two runs of the network.
func (a *Analyzer) look(ctx context.Context, pic *frame.Picture, d detector.Detection) (tracker.Observation, error) {
	w := watched{score: d.Score, unknown: embedEvery, known: -1, surround: surroundEvery}
	var r landmark.Result
	if b := a.previous(d.Box); b != nil {
		w.held, w.calm, w.rested = b.held, b.calm, b.rested
		w.unknown, w.known, w.views, w.surround, w.second = b.unknown+1, b.known, b.views, b.surround+1, b.second
		r = b.next
	}
	if !lies(r, d) {
		start := time.Now()
		var err error
		r, err = a.eyes.measure(func() (landmark.Result, error) { return a.eyes.Landmark.Analyze(ctx, pic, d.Points) })
		if err != nil {
			return tracker.Observation{}, err
		}
		a.times.count(StageLandmark, start)
	}
	if !lies(r, d) {
		r = landmark.Result{} // nothing, or landmarks of something else
	}
	w.box, w.mesh = d.Box, r.Mesh
	return tracker.Observation{Box: d.Box, Score: d.Score, Points: d.Points, Tag: len(a.sights)}, a.keep(ctx, pic, r, &w)
}

// lies says that r are landmarks of the detected face.
func lies(r landmark.Result, d detector.Detection) bool {
	return usable(r) && r.Mesh.Box().IoU(d.Box) >= followIoU
}

// keep stores a sight and, when due, its embedding and surroundings.
func (a *Analyzer) keep(ctx context.Context, pic *frame.Picture, r landmark.Result, w *watched) error {
	var s sight
	if usable(r) {
		steady, err := a.steady(ctx, pic, r)
		if err != nil {
			return err
		}
		start := time.Now()
		inv, err := steady.Placement.Matrix().Invert()
		if err != nil {
			return err
		}
		outline := make([]frame.Point, len(steady.Oval))
		for i, p := range steady.Oval {
			outline[i] = inv.Apply(p)
		}
		s.face = pack(steady.Sample(pic.PTS), outline, w.anchor)
		w.anchor = s.face.base
		if w.unknown >= a.embedAfter(w) && !w.rested {
			e, q, err := a.eyes.witness(ctx, pic, r)
			if err != nil {
				return err
			}
			if q > 0 {
				s.view = &view{embedding: e, quality: q}
				w.unknown, w.known = 0, len(a.sights)
				if q >= goodView {
					w.views++
				}
			}
			if q >= max(minEnrolQuality, w.second+secondGain) {
				if s.view.second, err = a.eyes.embedSecond(ctx, pic, r); err != nil {
					return err
				}
				w.second = q
			}
			start = a.times.count(StageRecognize, start)
		}
		if w.surround >= surroundEvery {
			sur, err := compositor.MeasureTone(pic, r.Oval, r.Placement.Roll, a.boxes)
			if err != nil {
				return err
			}
			sur = sur.Turned(r.Raw.Yaw)
			s.surround, w.surround = &sur, 0
			a.times.count(StageTone, start)
		}
	}
	s.known = w.known
	a.sights = append(a.sights, &s)
	a.now = append(a.now, *w)
	return nil
}

// Faces of fewer pixels than smallMesh, the larger side of the mesh's box, are looked at again: the network sees such a face magnified,
// and its noise counts (landmark.Steady). A look costs 4 ms of CPU time, and in company there are fewer.
const (
	smallMesh = 110
	moreLooks = 2 // at each of up to two faces; one at each of up to four
)

// steady is r by more looks, where the face is small and they can be afforded.
func (a *Analyzer) steady(ctx context.Context, pic *frame.Picture, r landmark.Result) (landmark.Result, error) {
	more := min(moreLooks, 2*moreLooks/max(1, len(a.before)))
	if box := r.Mesh.Box(); max(box.W(), box.H()) >= smallMesh || more == 0 {
		return r, nil
	}
	start := time.Now()
	defer func() { a.times.count(StageLandmark, start) }()
	s, err := a.eyes.measure(func() (landmark.Result, error) { return a.eyes.Landmark.Steady(ctx, pic, &r.Mesh, more) })
	if err != nil || !usable(s) {
		return r, err
	}
	return s, nil
}

// embedAfter is how many pictures there are from one embedding of a face to the next: more for a face of which there are good ones, that
// nobody stands near (a calm one: nobody touches), and that is nobody's to be kept, of whom every view is a proof.
func (a *Analyzer) embedAfter(w *watched) int {
	if w.views < embedOften || len(a.cfg.Keep) > 0 {
		return embedEvery
	}
	reach := company
	if w.calm {
		reach = closeBy
	}
	near := w.box.Grow(reach, reach)
	if slices.ContainsFunc(a.boxes, func(b frame.Rect) bool { return !b.Intersect(near).Empty() && b.IoU(w.box) < followIoU }) {
		return embedEvery
	}
	return embedSeldom
}

// usable says that a surrogate can be placed by r.
func usable(r landmark.Result) bool {
	return r.Presence >= landmark.Present && r.Raw.Finite() && r.Placement.Finite() && len(r.Oval) >= 3
}

// Times is the wall time of the stages so far; Scout's beside it.
func (a *Analyzer) Times() Times {
	t := a.times
	for i, d := range a.scout.times {
		t[i] += d
	}
	return t
}

// tracking are the tracker's settings, with the embeddings to settle what motion leaves in doubt.
func (a *Analyzer) tracking() tracker.Config {
	c := trackerConfig(a.cfg)
	// Faces that landmarks cannot follow may be seen in whole looks alone.
	c.TentativeMisses = max(c.TentativeMisses, lookEvery)
	c.Similarity = func(t *tracker.Track, _ int64, o *tracker.Observation) (float64, bool) {
		x := a.identity(o.Tag)
		best, ok := 0., false
		for _, tag := range [2]int{t.LastTag, t.BestTag} {
			if y := a.identity(tag); x != nil && y != nil {
				best, ok = max(best, dot(x, y)), true
			}
		}
		return best, ok
	}
	return c
}

// identity is the newest embedding of a sight's face, nil when there is none.
func (a *Analyzer) identity(tag int) []float32 {
	if tag < 0 || a.sights[tag].known < 0 {
		return nil
	}
	return a.sights[a.sights[tag].known].view.embedding
}

// trackerConfig is what both ways of tracking share.
func trackerConfig(cfg Config) tracker.Config {
	c := tracker.DefaultConfig()
	c.High, c.Low = sure, doubtful
	c.Extend, c.ExtendDoubt = cfg.Extend, max(cfg.Extend, c.ExtendDoubt)
	return c
}

// CenterFace's scores: measured on test media, 0.35 gives 96 % of faces with no false alarm (docs/models.md). Weaker ones
// keep tracks alive, and start tracks that need more sights to be believed.
const (
	sure     = 0.35
	doubtful = 0.2
)
