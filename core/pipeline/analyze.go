package pipeline

import (
	"context"
	"fmt"
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
	frame     int64
	landmarks bool // sample and outline are set
	sample    landmark.Sample
	outline   []frame.Point // of the face, in patch coordinates
	surround  compositor.Surround
	embedding []float32 // nil: not looked at, or not good enough
	quality   float64
	known     int // the newest sight of the same face, up to this one, that has an embedding; -1: none
}

// Analyzer is pass 1: it looks at every picture of a file once, in order, and then decides. It belongs to one goroutine.
type Analyzer struct {
	cfg    Config
	eyes   *Stages
	cuts   tracker.CutDetector
	linker *tracker.Linker
	sights []sight
	shots  []decisions.Shot
	size   [2]int
	count  int64
	before []watched // the faces of the previous picture
	now    []watched
	boxes  []frame.Rect // of all faces that were found in this picture, or watched in the previous one
	times  Times
	// sinceTurn counts pictures since the last look with the picture turned.
	sinceTurn int
}

// watched carries a face from picture to picture, to look for it where the detector misses it and to take an embedding
// of it every few frames rather than in each.
type watched struct {
	box      frame.Rect
	mesh     landmark.Mesh
	unknown  int // pictures since the last embedding
	known    int // the sight that holds it, or -1
	misses   int // pictures in a row in which only the landmarks saw it
	surround int // pictures since the surroundings were measured
}

const (
	embedEvery    = 10   // pictures between two embeddings of one face: views differ little within a third of a second
	surroundEvery = 5    // pictures between two looks at a face's surroundings
	followScore   = 0.3  // score of a face that the landmarks followed while the detector missed it
	followMax     = 10   // pictures in a row that the landmarks may follow alone
	turnEvery     = 10   // pictures between two looks for faces that lie on their side or upside down
	turnLeast     = 0.5  // least score of such a face: true ones had .55 and more, hands signing less
	turnSure      = 0.75 // score from which it needs no landmarks
	followIoU     = 0.3  // overlap from which two boxes of successive pictures are the same face for these purposes
)

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
		if a.linker, err = tracker.NewLinker(a.tracking()); err != nil {
			return 0, err
		}
	} else if a.size != [2]int{pic.W, pic.H} {
		return 0, fmt.Errorf("pipeline: picture %d is %dx%d, the first was %dx%d; split the file where its size changes", pic.Index, pic.W, pic.H, a.size[0], a.size[1])
	}
	start := time.Now()
	change, err := a.cuts.Next(pic)
	if err != nil {
		return 0, err
	}
	cut := change.Cut
	start = a.times.count(StageCuts, start)
	if cut || a.count == 0 {
		a.shots = append(a.shots, decisions.Shot{First: a.count, Last: a.count})
		a.before = a.before[:0]
	}
	a.shots[len(a.shots)-1].Last = a.count
	a.count++

	found, err := a.eyes.Detector.Detect(ctx, pic)
	if err != nil {
		return 0, fmt.Errorf("pipeline: picture %d: %w", pic.Index, err)
	}
	a.times.count(StageDetect, start)
	a.now, a.boxes = a.now[:0], a.boxes[:0]
	for _, d := range found {
		a.boxes = append(a.boxes, d.Box)
	}
	for _, b := range a.before {
		a.boxes = append(a.boxes, b.box)
	}
	var obs []tracker.Observation
	for _, d := range found {
		o, err := a.look(ctx, pic, d)
		if err != nil {
			return 0, fmt.Errorf("pipeline: picture %d: %w", pic.Index, err)
		}
		obs = append(obs, o)
	}
	followed, lost, err := a.follow(ctx, pic)
	if err != nil {
		return 0, fmt.Errorf("pipeline: picture %d: %w", pic.Index, err)
	}
	obs = append(obs, followed...)
	a.sinceTurn++
	if cut || lost || a.sinceTurn >= turnEvery || pic.Index == 0 {
		turned, err := a.turn(ctx, pic)
		if err != nil {
			return 0, fmt.Errorf("pipeline: picture %d: %w", pic.Index, err)
		}
		obs = append(obs, turned...)
	}
	a.before, a.now = a.now, a.before
	return len(obs), a.linker.Add(tracker.Frame{Index: pic.Index, Cut: cut, Obs: obs})
}

// look measures one detected face. A face that had landmarks in the previous picture is followed, which costs one run of the
// network; one that is new, or was lost that way, takes two.
func (a *Analyzer) look(ctx context.Context, pic *frame.Picture, d detector.Detection) (tracker.Observation, error) {
	start := time.Now()
	w := watched{box: d.Box, unknown: embedEvery, known: -1, surround: surroundEvery}
	var r landmark.Result
	var err error
	if b := a.previous(d.Box); b != nil {
		w.unknown, w.known, w.surround = b.unknown+1, b.known, b.surround+1
		if b.mesh.Presence >= landmark.Present {
			r, err = a.eyes.measure(func() (landmark.Result, error) { return a.eyes.Landmark.Follow(ctx, pic, &b.mesh) })
		}
	}
	if err == nil && !lies(r, d) {
		r, err = a.eyes.measure(func() (landmark.Result, error) { return a.eyes.Landmark.Analyze(ctx, pic, d.Points) })
	}
	if err != nil {
		return tracker.Observation{}, err
	}
	a.times.count(StageLandmark, start)
	if !lies(r, d) {
		r = landmark.Result{} // nothing, or landmarks of something else
	}
	w.mesh = r.Mesh
	return tracker.Observation{Box: d.Box, Score: d.Score, Points: d.Points, Tag: len(a.sights)}, a.keep(ctx, pic, r, &w)
}

// lies says that r are landmarks of the detected face.
func lies(r landmark.Result, d detector.Detection) bool {
	return usable(r) && r.Mesh.Box().IoU(d.Box) >= followIoU
}

// keep stores a sight and, when due, its embedding and surroundings.
func (a *Analyzer) keep(ctx context.Context, pic *frame.Picture, r landmark.Result, w *watched) error {
	s := sight{frame: pic.Index}
	if usable(r) {
		start := time.Now()
		inv, err := r.Placement.Matrix().Invert()
		if err != nil {
			return err
		}
		s.landmarks, s.sample, s.outline = true, r.Sample(pic.PTS), make([]frame.Point, len(r.Oval))
		for i, p := range r.Oval {
			s.outline[i] = inv.Apply(p)
		}
		if w.unknown >= embedEvery {
			e, q, err := a.eyes.embed(ctx, pic, r)
			if err != nil {
				return err
			}
			if q > 0 {
				s.embedding, s.quality, w.unknown, w.known = e, q, 0, len(a.sights)
			}
			start = a.times.count(StageRecognize, start)
		}
		if w.surround >= surroundEvery {
			sur, err := compositor.MeasureTone(pic, r.Oval, r.Placement.Roll, a.boxes)
			if err != nil {
				return err
			}
			s.surround, w.surround = sur, 0
			a.times.count(StageTone, start)
		}
	}
	s.known = w.known
	a.sights = append(a.sights, s)
	a.now = append(a.now, *w)
	return nil
}

// turn looks again with the picture on its side and on its head, for faces that the upright look does not know. Such a
// look sees more in hands and patterns too, so a face must have landmarks, or be beyond doubt.
func (a *Analyzer) turn(ctx context.Context, pic *frame.Picture) ([]tracker.Observation, error) {
	a.sinceTurn = 0
	start := time.Now()
	found, err := a.eyes.Turned.Detect(ctx, pic)
	if err != nil {
		return nil, err
	}
	a.times.count(StageDetect, start)
	var obs []tracker.Observation
	for _, d := range found {
		if overlaps(a.now, d.Box) {
			continue
		}
		n := len(a.now)
		o, err := a.look(ctx, pic, d)
		if err != nil {
			return nil, err
		}
		if d.Score >= turnSure || d.Score >= turnLeast && a.sights[o.Tag].landmarks {
			obs = append(obs, o)
			continue
		}
		a.sights, a.now = a.sights[:o.Tag], a.now[:n]
	}
	return obs, nil
}

// follow looks, with the landmarks alone, for faces of the previous picture that the detector did not find in this one.
// lost says that it could not find one of them.
func (a *Analyzer) follow(ctx context.Context, pic *frame.Picture) (obs []tracker.Observation, lost bool, err error) {
	for _, b := range a.before {
		if overlaps(a.now, b.box) {
			continue
		}
		if b.misses >= followMax || b.mesh.Presence < landmark.Present {
			lost = true
			continue
		}
		start := time.Now()
		r, err := a.eyes.measure(func() (landmark.Result, error) { return a.eyes.Landmark.Follow(ctx, pic, &b.mesh) })
		if err != nil {
			return nil, lost, err
		}
		a.times.count(StageLandmark, start)
		box := r.Mesh.Box()
		if !usable(r) || box.IoU(b.box) < followIoU {
			lost = true
			continue
		}
		if overlaps(a.now, box) {
			continue
		}
		b.box, b.mesh, b.misses, b.unknown, b.surround = box, r.Mesh, b.misses+1, b.unknown+1, b.surround+1
		obs = append(obs, tracker.Observation{Box: box, Score: followScore, Tag: len(a.sights)})
		if err := a.keep(ctx, pic, r, &b); err != nil {
			return nil, lost, err
		}
	}
	return obs, lost, nil
}

func (a *Analyzer) previous(box frame.Rect) *watched {
	best, at := followIoU, -1
	for i := range a.before {
		if v := a.before[i].box.IoU(box); v > best {
			best, at = v, i
		}
	}
	if at < 0 {
		return nil
	}
	return &a.before[at]
}

func overlaps(faces []watched, box frame.Rect) bool {
	for _, f := range faces {
		if f.box.IoU(box) > followIoU {
			return true
		}
	}
	return false
}

// usable says that a surrogate can be placed by r.
func usable(r landmark.Result) bool {
	return r.Presence >= landmark.Present && r.Raw.Finite() && r.Placement.Finite() && len(r.Oval) >= 3
}

// Times is the wall time of the stages so far.
func (a *Analyzer) Times() Times { return a.times }

// tracking are the tracker's settings, with the embeddings to settle what motion leaves in doubt.
func (a *Analyzer) tracking() tracker.Config {
	c := trackerConfig(a.cfg)
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
	return a.sights[a.sights[tag].known].embedding
}

// trackerConfig is what both ways of tracking share.
func trackerConfig(cfg Config) tracker.Config {
	c := tracker.DefaultConfig()
	// CenterFace's scores: measured on test media, 0.35 gives 96 % of faces with no false alarm (docs/models.md).
	c.High, c.Low = 0.35, 0.2
	c.Extend = cfg.Extend
	return c
}
