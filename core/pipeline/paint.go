package pipeline

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/compositor"
	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/generator"
	"github.com/ksamenet/ksamenet/core/infer"
)

// painter lays decided faces into a picture; the file's renderer and the live pipeline share it.
type painter struct {
	comps   []*compositor.Compositor // one for each face that is composed at once
	style   compositor.Style
	halo    bool
	times   Times
	reqs    []generator.Request
	asks    []ask
	ready   func()         // called when the surrogates of a picture are there, before they are composed; may be nil
	between []*frame.Patch // scratch: patches half way between two
	strokes []*stroke      // reused; the first used of them wait for each other
	used    int
	worn    map[int]worn // by track
	sides   sides
}

// stroke is a surrogate to be composed.
type stroke struct {
	job   decisions.Job
	sur   compositor.Surrogate
	oval  []frame.Point
	later compositor.Moment
	reach frame.Rect
	err   error
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
	p := painter{style: coverStyles[cfg.Fallback], halo: cfg.Halo, worn: map[int]worn{}, sides: newSides(cfg.Detail)}
	for range infer.AutoThreads(cfg.Threads) {
		p.comps = append(p.comps, compositor.New())
	}
	return p
}

// requests are what the generator is asked for jobs. The slice is reused by the next call.
func (p *painter) requests(jobs []decisions.Job) []generator.Request {
	p.reqs, p.asks = p.wants(jobs, p.reqs[:0], p.asks[:0])
	return p.reqs
}

// wants appends what is asked for jobs to reqs, and which job gets what of it to asks.
func (p *painter) wants(jobs []decisions.Job, reqs []generator.Request, asks []ask) ([]generator.Request, []ask) {
	want := func(j decisions.Job, look appearance.Appearance) int {
		reqs = append(reqs, generator.Request{Cluster: generator.ClusterID(j.Cluster), Look: look, Light: j.Track.Light, Side: p.sides.of(j)})
		return len(reqs) - 1
	}
	for _, j := range jobs {
		if j.Action != decisions.Replace && !j.Shadow {
			continue
		}
		if before, after, ok := p.sides.around(j); ok {
			asks = append(asks, ask{want(j, before), want(j, after)})
			continue
		}
		i := want(j, p.sides.look(j, j.Face))
		asks = append(asks, ask{i, i})
	}
	return reqs, asks
}

// all paints the jobs of one picture, in their order, and tells done what became of each. After an error pic may be half
// painted and must not be shown.
//
// Neighbours in the order that do not reach each other are composed at once: nobody can tell in which order.
func (p *painter) all(ctx context.Context, gen faceGenerator, pic *frame.Picture, jobs []decisions.Job, done func(decisions.Job, decisions.Action)) error {
	reqs := p.requests(jobs)
	start := time.Now()
	patches, err := gen.RenderBatch(ctx, reqs)
	if err != nil {
		return err
	}
	start = p.times.count(StageGenerate, start)
	if p.ready != nil {
		p.ready()
	}
	defer func() { p.times.count(StageComposite, start) }()
	if len(patches) != len(reqs) {
		return fmt.Errorf("%d surrogates for %d faces", len(patches), len(reqs))
	}
	p.used = 0
	asks := p.asks
	for _, j := range jobs {
		if j.Action == decisions.Replace || j.Shadow {
			patch := p.patch(len(p.asks)-len(asks), patches[asks[0].first], patches[asks[0].last])
			asks = asks[1:]
			s, err := p.dress(pic, j, patch)
			if err == nil && j.Action == decisions.Replace {
				if p.meets(s.reach) {
					if err := p.compose(pic, done); err != nil {
						return err
					}
				}
				p.take(s)
				continue
			}
		}
		if err := p.compose(pic, done); err != nil {
			return err
		}
		if err := p.hide(pic, j, done); err != nil {
			return err
		}
	}
	return p.compose(pic, done)
}

// hide covers what j says, or leaves it as it is if it is kept.
func (p *painter) hide(pic *frame.Picture, j decisions.Job, done func(decisions.Job, decisions.Action)) error {
	if j.Action == decisions.Keep {
		done(j, decisions.Keep)
		return nil
	}
	_, err := compositor.Cover(pic, j.Face.Rect(), p.styleOf(j))
	if err == nil {
		done(j, decisions.Cover)
	}
	return err
}

// meets says that a surrogate would reach one that waits to be composed.
func (p *painter) meets(reach frame.Rect) bool {
	for _, s := range p.strokes[:p.used] {
		if !s.reach.Intersect(reach).Empty() {
			return true
		}
	}
	return false
}

// compose paints the surrogates that wait. One that cannot be composed becomes a cover.
func (p *painter) compose(pic *frame.Picture, done func(decisions.Job, decisions.Action)) error {
	waiting := p.strokes[:p.used]
	p.used = 0
	abreast(len(p.comps), len(waiting), func(lane, i int) {
		_, waiting[i].err = p.comps[lane].Compose(pic, waiting[i].sur)
	})
	for _, s := range waiting {
		if s.err == nil {
			done(s.job, decisions.Replace)
		} else if err := p.hide(pic, s.job, done); err != nil {
			return err
		}
	}
	return nil
}

// spare is a stroke that waits for nobody: it is the next to be taken.
func (p *painter) spare() *stroke {
	if p.used == len(p.strokes) {
		p.strokes = append(p.strokes, &stroke{})
	}
	return p.strokes[p.used]
}

// surrogate is how patch is to be laid for j. What it points to is s's memory.
func (p *painter) surrogate(s *stroke, pic *frame.Picture, j decisions.Job, patch *frame.Patch) {
	f := j.Face
	s.job, s.oval = j, points(s.oval[:0], f.Oval)
	s.sur = compositor.Surrogate{Patch: patch, Placement: f.Place.Matrix(), Oval: s.oval, Tone: j.Track.Tone, Halo: p.halo, Seed: uint64(f.Frame)}
	if pic.Fields == frame.Progressive {
		return
	}
	// The second field lies half way to the next frame: of a moving face both fields move.
	if next := j.Next(); next != nil && next.Renderable() && len(next.Oval) == len(f.Oval) {
		place := f.Place.Between(*next.Place, .5)
		s.later.Placement, s.later.Oval = place.Matrix(), points(s.later.Oval[:0], f.Oval)
		for i, q := range next.Oval {
			o := &s.later.Oval[i]
			o.X, o.Y = (o.X+q[0])/2, (o.Y+q[1])/2
		}
		s.sur.Later = &s.later
	}
}

// points appends an outline to to.
func points(to []frame.Point, oval [][2]float64) []frame.Point {
	for _, q := range oval {
		to = append(to, frame.Point{X: q[0], Y: q[1]})
	}
	return to
}

// dress readies the surrogate of j as its track wears it in this frame. It waits when it is taken.
func (p *painter) dress(pic *frame.Picture, j decisions.Job, patch *frame.Patch) (*stroke, error) {
	s := p.spare()
	p.surrogate(s, pic, j, patch)
	fit, err := compositor.Fit(s.sur)
	if err != nil {
		return nil, err
	}
	if s.reach, err = compositor.Reach(pic, s.sur); err != nil {
		return nil, err
	}
	w := worn{fit, compositor.MatchOf(pic, s.sur.Tone, patch)}
	if before, ok := p.worn[j.Track.ID]; ok {
		w = worn{before.grow + (w.grow-before.grow)*wornRate, before.match.Toward(w.match, wornRate)}
	}
	p.worn[j.Track.ID] = w
	s.sur.Grow, s.sur.Match = w.grow, &w.match
	return s, nil
}

// take has s, which is spare, wait to be composed.
func (p *painter) take(s *stroke) {
	i := slices.Index(p.strokes, s)
	p.strokes[i], p.strokes[p.used] = p.strokes[p.used], s
	p.used++
}

// styleOf is how a face that is not replaced is hidden.
func (p *painter) styleOf(j decisions.Job) compositor.Style {
	if j.Action == decisions.Blur {
		return compositor.Pixelate
	}
	return p.style
}
