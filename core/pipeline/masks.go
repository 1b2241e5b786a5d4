package pipeline

import (
	"errors"

	"github.com/ksamenet/ksamenet/core/compositor"
	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
)

// Masks tells which pixels of a file a rendering of its decision list may have changed, so that everything else can be
// proved untouched. It asks the compositor itself, on a picture of its own. It belongs to one goroutine.
type Masks struct {
	jobs    map[int64][]decisions.Job
	paint   painter
	blank   *frame.Patch
	scratch *frame.Picture
	boxes   []frame.Rect
}

// NewMasks reads the list's jobs; of cfg only Fallback and Halo count.
func NewMasks(cfg Config, list *decisions.List) *Masks {
	const side = 32 // the smallest: the mask hangs on the oval, not on the surrogate
	return &Masks{jobs: list.ByFrame(), paint: newPainter(cfg), blank: &frame.Patch{Size: side, RGBA: make([]byte, 4*side*side)}}
}

// Boxes are the boxes of picture pic.Index that may have been painted. Of pic only index, size, layout and field order are read. The
// slice is reused by the next call.
func (m *Masks) Boxes(pic *frame.Picture) ([]frame.Rect, error) {
	m.boxes = m.boxes[:0]
	jobs := m.jobs[pic.Index]
	if len(jobs) == 0 {
		return nil, nil
	}
	if m.scratch == nil || m.scratch.Layout != pic.Layout || m.scratch.W != pic.W || m.scratch.H != pic.H {
		m.scratch = frame.New(pic.Layout, pic.W, pic.H)
	}
	m.scratch.Fields = pic.Fields
	for _, j := range jobs {
		if j.Action == decisions.Keep {
			continue
		}
		box, err := m.paint.reach(m.scratch, j, m.blank)
		if err != nil {
			return nil, err
		}
		m.boxes = append(m.boxes, box...)
	}
	return m.boxes, nil
}

// reach lays a blank surrogate for j and returns what may have changed: the surrogate's box, and the cover's for a face
// that is covered, or that the renderer covered when it could not compose the real one.
func (p *painter) reach(pic *frame.Picture, j decisions.Job, blank *frame.Patch) ([]frame.Rect, error) {
	var boxes []frame.Rect
	if j.Action == decisions.Replace {
		s := p.spare()
		p.surrogate(s, pic, j, blank)
		s.sur.Tone, s.sur.Grow = compositor.Tone{}, 1
		res, err := p.comps[0].Compose(pic, s.sur)
		if err == nil {
			return append(boxes, res.Box), nil
		}
		if !errors.Is(err, compositor.ErrOval) && !errors.Is(err, compositor.ErrPlacement) {
			return nil, err
		}
	}
	box, err := compositor.Cover(pic, j.Face.Rect(), p.styleOf(j))
	return append(boxes, box), err
}
