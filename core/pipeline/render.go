package pipeline

import (
	"context"
	"errors"
	"fmt"

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
	early *earlyGenerator
	next  struct { // scratch
		reqs []generator.Request
		asks []ask
	}
}

// NewRenderer prepares the pictures' jobs. gen knows the mixes of the list's clusters (Mixes).
func NewRenderer(cfg Config, list *decisions.List, gen faceGenerator) *Renderer {
	return &Renderer{list: list, jobs: list.ByFrame(), gen: gen, paint: newPainter(cfg), last: map[int]*span{}}
}

// Hurry has the surrogates of the next picture rendered beside the work on the present one, for pictures that come in order. Close
// must follow.
func (r *Renderer) Hurry() {
	r.early = &earlyGenerator{faceGenerator: r.gen}
	r.gen = r.early
}

// Close waits for what Hurry started. It is safe to call twice.
func (r *Renderer) Close() {
	if r.early != nil {
		r.early.drop()
	}
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
	if r.early != nil {
		r.paint.ready = func() {
			r.next.reqs, r.next.asks = r.paint.wants(r.jobs[pic.Index+1], r.next.reqs[:0], r.next.asks[:0])
			r.early.start(ctx, r.next.reqs)
		}
	}
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
