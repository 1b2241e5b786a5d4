package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ksamenet/ksamenet/core/compositor"
	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/generator"
	"github.com/ksamenet/ksamenet/core/report"
)

// ErrUndecided says that a picture came that the decision list says nothing about: it was never examined.
var ErrUndecided = errors.New("pipeline: picture beyond the decision list")

// faceGenerator is what the renderer needs of core/generator.
type faceGenerator interface {
	RenderBatch(ctx context.Context, reqs []generator.Request) ([]*frame.Patch, error)
	Stats() generator.Stats
}

// Renderer obeys a decision list, picture by picture. It belongs to one goroutine at a time.
type Renderer struct {
	list  *decisions.List
	jobs  map[int64][]decisions.Job
	gen   faceGenerator
	paint painter
	cover report.Coverage
	spans []*span
	last  map[int]*span // the newest cover or keep span of each track
}

// NewRenderer prepares the pictures' jobs. gen knows the mixes of the list's clusters (Mixes).
func NewRenderer(cfg Config, list *decisions.List, gen faceGenerator) *Renderer {
	return &Renderer{list: list, jobs: list.ByFrame(), gen: gen, paint: newPainter(cfg), last: map[int]*span{}}
}

// Mixes are the donors of each surrogate of a list (decisions.SurrogateID), as the generator takes them.
func Mixes(list *decisions.List) map[generator.ClusterID][]int {
	m := make(map[generator.ClusterID][]int, len(list.Clusters))
	for _, c := range list.Clusters {
		if len(c.Donors) > 0 {
			m[generator.ClusterID(c.ID)] = c.Donors
		}
		for _, s := range c.Slots {
			m[generator.ClusterID(decisions.SurrogateID(c.ID, s.Slot))] = s.Donors
		}
	}
	return m
}

// Picture paints the faces of one picture in place and returns how many there are. A face that cannot be painted is
// covered. An engine's error ends the run: pic may be half painted and must not be used.
func (r *Renderer) Picture(ctx context.Context, pic *frame.Picture) (faces int, err error) {
	if pic.Index >= r.list.Source.Frames {
		return 0, fmt.Errorf("%w: picture %d of %d; analyse the file again", ErrUndecided, pic.Index, r.list.Source.Frames)
	}
	if pic.W != r.list.Source.Width || pic.H != r.list.Source.Height {
		return 0, fmt.Errorf("pipeline: picture %d is %dx%d, the decision list is for %dx%d", pic.Index, pic.W, pic.H, r.list.Source.Width, r.list.Source.Height)
	}
	jobs := r.jobs[pic.Index]
	if err := r.paint.all(ctx, r.gen, pic, jobs, r.count); err != nil {
		return 0, fmt.Errorf("pipeline: picture %d: %w", pic.Index, err)
	}
	return len(jobs), nil
}

// count keeps the books: totals, and for each track the runs of frames in which it was covered or kept.
func (r *Renderer) count(j decisions.Job, did decisions.Action) {
	c := &r.cover
	c.Faces++
	switch did {
	case decisions.Replace:
		c.Replaced++
		return
	case decisions.Cover:
		c.Covered++
	case decisions.Keep:
		c.Kept++
	}
	if s := r.last[j.Track.ID]; s != nil && s.did == did && s.Last == j.Face.Frame-1 {
		s.Last = j.Face.Frame
		return
	}
	s := &span{report.Span{Track: j.Track.ID, First: j.Face.Frame, Last: j.Face.Frame, Why: j.Track.Why}, did}
	if did == decisions.Cover && s.Why == "" && !j.Face.Renderable() {
		s.Why = "no landmarks in these frames"
	}
	r.last[j.Track.ID] = s
	r.spans = append(r.spans, s)
}

// Coverage is the account of all pictures so far.
func (r *Renderer) Coverage() report.Coverage {
	c := r.cover
	for _, s := range r.spans {
		if s.did == decisions.Keep {
			c.KeptSpans = append(c.KeptSpans, s.Span)
		} else {
			c.CoverSpans = append(c.CoverSpans, s.Span)
		}
	}
	c.Uncovered = c.Faces - c.Replaced - c.Covered - c.Kept
	c.CacheHits = r.gen.Stats().HitRate()
	return c
}

// Times is the wall time of the stages so far.
func (r *Renderer) Times() Times { return r.paint.times }

type span struct {
	report.Span
	did decisions.Action
}

// painter lays one decided face into a picture; the file's renderer and the live pipeline share it.
type painter struct {
	comp  *compositor.Compositor
	style compositor.Style
	halo  bool
	times Times
	reqs  []generator.Request
	oval  []frame.Point
	later compositor.Moment
	worn  map[int]worn // by track
	sides sides
}

// worn is how a track's surrogate was laid last.
type worn struct {
	grow  float64 // how far it is enlarged to cover the face
	match compositor.Match
}

// wornRate is how fast enlargement and colours follow what the present frame asks for: a second's time constant at 25 fps, so
// that the surrogate neither breathes with the noise of the outline nor changes its complexion with its expression. The compositor
// fills what is uncovered meanwhile.
const wornRate = 1. / 25

func newPainter(cfg Config) painter {
	style := compositor.Solid
	if cfg.Fallback == FallbackPixelate {
		style = compositor.Pixelate
	}
	return painter{comp: compositor.New(), style: style, halo: cfg.Halo, worn: map[int]worn{}, sides: newSides(cfg.Detail)}
}

// all paints the jobs of one picture, in their order, and tells done what became of each. After an error pic may be half
// painted and must not be shown.
func (p *painter) all(ctx context.Context, gen faceGenerator, pic *frame.Picture, jobs []decisions.Job, done func(decisions.Job, decisions.Action)) error {
	p.reqs = p.reqs[:0]
	for _, j := range jobs {
		if j.Action == decisions.Replace || j.Shadow {
			p.reqs = append(p.reqs, generator.Request{Cluster: generator.ClusterID(j.Cluster), Look: *j.Face.Look, Light: j.Track.Light, Side: p.sides.of(j)})
		}
	}
	start := time.Now()
	patches, err := gen.RenderBatch(ctx, p.reqs)
	if err != nil {
		return err
	}
	p.times.count(StageGenerate, start)
	if len(patches) != len(p.reqs) {
		return fmt.Errorf("%d surrogates for %d faces", len(patches), len(p.reqs))
	}
	for _, j := range jobs {
		var patch *frame.Patch
		if j.Action == decisions.Replace || j.Shadow {
			patch, patches = patches[0], patches[1:]
		}
		did, err := p.face(pic, j, patch)
		if err != nil {
			return err
		}
		done(j, did)
	}
	return nil
}

// face does what j says and returns what was done: a surrogate that cannot be composed becomes a cover.
// patch is the surrogate of a face to be replaced, or that would be.
func (p *painter) face(pic *frame.Picture, j decisions.Job, patch *frame.Patch) (decisions.Action, error) {
	start := time.Now()
	defer func() { p.times.count(StageComposite, start) }()
	if patch != nil {
		s, err := p.dress(pic, j, patch)
		if err == nil && j.Action == decisions.Replace {
			_, err = p.comp.Compose(pic, s)
		}
		if err == nil && j.Action == decisions.Replace {
			return decisions.Replace, nil
		}
	}
	if j.Action == decisions.Keep {
		return decisions.Keep, nil
	}
	_, err := compositor.Cover(pic, j.Face.Rect(), p.styleOf(j))
	return decisions.Cover, err
}

// surrogate is how patch is to be laid for j.
func (p *painter) surrogate(pic *frame.Picture, j decisions.Job, patch *frame.Patch) compositor.Surrogate {
	f := j.Face
	p.oval = points(p.oval[:0], f.Oval)
	s := compositor.Surrogate{Patch: patch, Placement: f.Place.Matrix(), Oval: p.oval, Tone: j.Track.Tone, Halo: p.halo, Seed: uint64(f.Frame)}
	if pic.Fields == frame.Progressive {
		return s
	}
	// The second field lies half way to the next frame: of a moving face both fields move.
	if next := j.Next(); next != nil && next.Renderable() && len(next.Oval) == len(f.Oval) {
		place := f.Place.Between(*next.Place, .5)
		p.later.Placement, p.later.Oval = place.Matrix(), points(p.later.Oval[:0], f.Oval)
		for i, q := range next.Oval {
			o := &p.later.Oval[i]
			o.X, o.Y = (o.X+q[0])/2, (o.Y+q[1])/2
		}
		s.Later = &p.later
	}
	return s
}

// points appends an outline to to.
func points(to []frame.Point, oval [][2]float64) []frame.Point {
	for _, q := range oval {
		to = append(to, frame.Point{X: q[0], Y: q[1]})
	}
	return to
}

// dress is the surrogate of j as its track wears it in this frame.
func (p *painter) dress(pic *frame.Picture, j decisions.Job, patch *frame.Patch) (compositor.Surrogate, error) {
	s := p.surrogate(pic, j, patch)
	fit, err := compositor.Fit(s)
	if err != nil {
		return s, err
	}
	w := worn{fit, compositor.MatchOf(pic, s.Tone, patch)}
	if before, ok := p.worn[j.Track.ID]; ok {
		w = worn{before.grow + (w.grow-before.grow)*wornRate, before.match.Toward(w.match, wornRate)}
	}
	p.worn[j.Track.ID] = w
	s.Grow, s.Match = w.grow, &w.match
	return s, nil
}

// styleOf is how a face that is not replaced is hidden.
func (p *painter) styleOf(j decisions.Job) compositor.Style {
	if j.Action == decisions.Blur {
		return compositor.Pixelate
	}
	return p.style
}
