package attack

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ksamenet/ksamenet/core/detector"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/core/landmark"
	"github.com/ksamenet/ksamenet/core/recognizer"
	"github.com/ksamenet/ksamenet/models"
)

// Networks that look, by their names in package models. The first detector is the one that drives the pipeline; the other
// one is independent of it. So it is with the recognisers.
var (
	Detectors   = []string{"centerface", "yunet"}
	Recognizers = []string{"sface", "dlib"}
)

type finder interface {
	Detect(ctx context.Context, pic *frame.Picture) ([]detector.Detection, error)
}

type meshFinder interface {
	Analyze(ctx context.Context, pic *frame.Picture, points [5]frame.Point) (landmark.Result, error)
	Steady(ctx context.Context, pic *frame.Picture, mesh *landmark.Mesh, more int) (landmark.Result, error)
	Calibrate(ctx context.Context, track []landmark.Sample) error
}

type embedder interface {
	Embed(ctx context.Context, pic *frame.Picture, f recognizer.Face) (embedding []float32, quality float64, err error)
}

// Eyes are the opened networks. They belong to one goroutine at a time.
type Eyes struct {
	find   []finder // as Detectors
	mesh   meshFinder
	embed  []embedder // as Recognizers
	info   infer.Info
	models map[string]string
	close  []func() error
}

// Open opens the networks from a folder of model files ("": search). A missing or damaged model, or no engine, is an error
// that says what mends it.
func Open(ctx context.Context, modelsDir string, o infer.Options) (_ *Eyes, err error) {
	e := &Eyes{models: map[string]string{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close())
		}
	}()
	open := func(name string) (infer.Engine, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		m, b, err := models.DefaultStore(modelsDir).Load(name)
		if err != nil {
			return nil, err
		}
		engine, err := infer.Open(m, b, o)
		if err != nil {
			return nil, err
		}
		e.info, e.models[name] = engine.Info(), m.SHA256
		e.close = append(e.close, engine.Close)
		return engine, nil
	}
	for _, name := range Detectors {
		engine, err := open(name)
		if err != nil {
			return nil, err
		}
		d, err := detector.New(engine, detector.Config{Looks: []detector.Look{{Side: detector.DefaultSide, Enlarge: 2}}})
		if err != nil {
			return nil, err
		}
		e.find, e.close = append(e.find, d), append(e.close, d.Close)
	}
	mesh, err := open("facemesh")
	if err != nil {
		return nil, err
	}
	units, err := open("appearance")
	if err != nil {
		return nil, err
	}
	b, err := models.File("generator", "head.json")
	if err != nil {
		return nil, err
	}
	head, err := landmark.ParseHead(b)
	if err != nil {
		return nil, err
	}
	a, err := landmark.New(mesh, units, head)
	if err != nil {
		return nil, err
	}
	e.mesh, e.close = a, append(e.close, a.Close)
	for _, name := range Recognizers {
		engine, err := open(name)
		if err != nil {
			return nil, err
		}
		r, err := recognizer.New(engine)
		if err != nil {
			return nil, err
		}
		e.embed, e.close = append(e.embed, r), append(e.close, r.Close)
	}
	return e, nil
}

// Engine is what computes the networks.
func (e *Eyes) Engine() infer.Info { return e.info }

// Models are the networks that look, by name, with their sha256.
func (e *Eyes) Models() map[string]string { return e.models }

// Close is safe to call twice.
func (e *Eyes) Close() error {
	var errs []error
	for i := len(e.close) - 1; i >= 0; i-- {
		errs = append(errs, e.close[i]())
	}
	e.close = nil
	return errors.Join(errs...)
}

// sight is what is seen of one face in one picture.
type sight struct {
	found  []bool // by each detector
	mesh   bool   // the rest is known
	result landmark.Result
	steady landmark.Result // the same of several looks, for utility
}

// sameFace is the overlap (intersection over union) from which a detection is the face of a box. Boxes of decision lists
// are larger than detections, by the forehead and by what a track adds for safety.
const sameFace = .3

// utilityLooks is how many looks at a face utility is measured by: the mesh's own noise, which is neither side's performance, shrinks
// to less than half of one look's.
const utilityLooks = 5

// look finds the faces of the boxes in a picture, each detector for itself, and measures their meshes. For utility all detectors are
// asked; else one that follows is not run when every face has been found.
func (e *Eyes) look(ctx context.Context, pic *frame.Picture, boxes []frame.Rect, utility bool) ([]sight, error) {
	sights := make([]sight, len(boxes))
	points := make([]*[5]frame.Point, len(boxes))
	for _, d := range e.find {
		if !utility && !slices.Contains(points, nil) {
			break
		}
		all, err := d.Detect(ctx, pic)
		if err != nil {
			return nil, fmt.Errorf("attack: picture %d: %w", pic.Index, err)
		}
		for i, match := range pairUp(boxes, all) {
			sights[i].found = append(sights[i].found, match != nil)
			if match != nil && points[i] == nil {
				points[i] = &match.Points
			}
		}
	}
	for i, p := range points {
		if p == nil {
			continue
		}
		r, err := e.mesh.Analyze(ctx, pic, *p)
		switch {
		case errors.Is(err, landmark.ErrOutput):
		case err != nil:
			return nil, fmt.Errorf("attack: picture %d: %w", pic.Index, err)
		case r.Presence >= landmark.Present:
			sights[i].mesh, sights[i].result = true, r
			if !utility {
				continue
			}
			if sights[i].steady, err = e.mesh.Steady(ctx, pic, &r.Mesh, utilityLooks-1); errors.Is(err, landmark.ErrOutput) {
				sights[i].mesh = false
			} else if err != nil {
				return nil, fmt.Errorf("attack: picture %d: %w", pic.Index, err)
			}
		}
	}
	return sights, nil
}

// pairUp gives each box the detection that overlaps it most, each detection to one box; nil where there is none.
func pairUp(boxes []frame.Rect, all []detector.Detection) []*detector.Detection {
	out := make([]*detector.Detection, len(boxes))
	taken := make([]bool, len(all))
	for {
		best, bi, bj := sameFace, -1, -1
		for i, b := range boxes {
			for j := range all {
				if out[i] == nil && !taken[j] {
					if v := b.IoU(all[j].Box); v >= best {
						best, bi, bj = v, i, j
					}
				}
			}
		}
		if bi < 0 {
			return out
		}
		d := all[bj]
		out[bi], taken[bj] = &d, true
	}
}
