package attack

import (
	"context"
	"errors"
	"fmt"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/landmark"
	"github.com/ksamenet/ksamenet/core/recognizer"
)

// Config says how closely a Watcher looks.
type Config struct {
	// Utility measures performance beside identity: landmarks and detections of every picture.
	Utility bool
	// Every is how many pictures of a track lie between two of which embeddings are taken; the first is always one.
	Every int
	// FaceOnly leaves out the channel Full: for pictures that hold nothing but a face.
	FaceOnly bool
}

// Watcher follows the faces of one original and its output. It belongs to one goroutine at a time.
type Watcher struct {
	eyes   *Eyes
	cfg    Config
	cut    blinkers
	tracks map[int]*track
	order  []int // of tracks, by first sight
	frames int64
}

// track is what is known of one face through a shot.
type track struct {
	person string
	group  uint64
	label  string         // expression that the recording is known to end in, one of Classes; else ""
	seen   [sides]int     // pictures
	bodies [sides][]*mean // by view
	found  [sides][]int   // by detector: pictures in which it saw the face
	shown  int            // pictures in which a surrogate was shown and looked at
	both   []both
	cut    int // pictures whose edge cuts the original's face: no witness of the performance
	flick  flicker
}

// both is one picture in which the mesh was found on both sides.
type both struct{ face [sides]performance }

// NewWatcher watches one pair. The Eyes stay the caller's.
func NewWatcher(eyes *Eyes, cfg Config) (*Watcher, error) {
	if cfg.Every < 1 {
		return nil, fmt.Errorf("attack: every is %d; at least 1", cfg.Every)
	}
	return &Watcher{eyes: eyes, cfg: cfg, tracks: map[int]*track{}}, nil
}

// Pair looks at one picture of the original, its copy, and the faces there. Errors: ErrPair, the networks', ctx's.
func (w *Watcher) Pair(ctx context.Context, original, output *frame.Picture, faces []Face) error {
	if original.W != output.W || original.H != output.H || original.Index != output.Index {
		return fmt.Errorf("%w: picture %d of %dx%d and picture %d of %dx%d", ErrPair, original.Index, original.W, original.H, output.Index, output.W, output.H)
	}
	w.frames++
	var boxes []frame.Rect
	var want []*track
	var clear, due []bool
	var masks [][]frame.Point
	for i := range faces {
		f := &faces[i]
		t := w.track(f)
		now := t.due(Original, w.cfg.Every)
		t.seen[Output] = t.seen[Original]
		if w.cfg.Utility || now {
			boxes, want, clear, due, masks = append(boxes, f.Box), append(want, t), append(clear, f.Clear), append(due, now), append(masks, f.Mask)
		}
	}
	if len(boxes) == 0 {
		return nil
	}
	var seen [sides][]sight
	for side, pic := range []*frame.Picture{original, output} {
		var err error
		if seen[side], err = w.eyes.look(ctx, pic, boxes, w.cfg.Utility); err != nil {
			return err
		}
	}
	for i, t := range want {
		if due[i] {
			for side, pic := range []*frame.Picture{original, output} {
				if err := w.identify(ctx, t, Side(side), pic, &seen[side][i], maskOn(Side(side), masks[i])); err != nil {
					return err
				}
			}
		}
		if w.cfg.Utility && !clear[i] {
			t.shown++
			if err := t.perform(original, output, boxes[i], &seen[Original][i], &seen[Output][i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// One looks at a picture of one side alone, for identity: where one original has many outputs, its own faces need be looked at
// once. Evidence of several Watchers is joined by the names of people (Identify). Errors: the networks', ctx's.
func (w *Watcher) One(ctx context.Context, side Side, pic *frame.Picture, faces []Face) error {
	w.frames++
	var boxes []frame.Rect
	var want []*track
	var masks [][]frame.Point
	for i := range faces {
		if t := w.track(&faces[i]); t.due(side, w.cfg.Every) {
			boxes, want, masks = append(boxes, faces[i].Box), append(want, t), append(masks, maskOn(side, faces[i].Mask))
		}
	}
	if len(boxes) == 0 {
		return nil
	}
	seen, err := w.eyes.look(ctx, pic, boxes, false)
	if err != nil {
		return err
	}
	for i, t := range want {
		if err := w.identify(ctx, t, side, pic, &seen[i], masks[i]); err != nil {
			return err
		}
	}
	return nil
}

// due counts a picture of the track and says that embeddings of it are wanted.
func (t *track) due(side Side, every int) bool {
	t.seen[side]++
	return t.seen[side]%every == 1%every
}

func (w *Watcher) track(f *Face) *track {
	t := w.tracks[f.Track]
	if t == nil {
		t = &track{person: f.Person, group: f.Group, label: f.Expression}
		for side := range t.bodies {
			t.found[side] = make([]int, len(w.eyes.find))
			for range views {
				t.bodies[side] = append(t.bodies[side], &mean{})
			}
		}
		w.tracks[f.Track] = t
		w.order = append(w.order, f.Track)
	}
	return t
}

// maskOn is the part of a face that is looked at alone: originals are not painted.
func maskOn(side Side, mask []frame.Point) []frame.Point {
	if side == Original {
		return nil
	}
	return mask
}

// identify adds a face's embeddings. One that is too small for a recogniser is no evidence for it.
func (w *Watcher) identify(ctx context.Context, t *track, side Side, pic *frame.Picture, s *sight, mask []frame.Point) error {
	if !s.mesh {
		return nil
	}
	f := faceOf(&s.result)
	alone, inside, err := w.faceAlone(ctx, pic, &s.result, mask)
	if err != nil {
		return err
	}
	var plain *frame.Picture
	if alone != nil {
		plain = w.cut.plain(alone)
	}
	for i, view := range views {
		see, face := pic, f
		switch {
		case view.channel == Full && w.cfg.FaceOnly, view.channel != Full && alone == nil:
			continue
		case view.channel == Complexion:
			see, face = alone, inside
		case view.channel == FaceOnly:
			see, face = plain, inside
		}
		v, quality, err := w.eyes.embed[view.net].Embed(ctx, see, face)
		if errors.Is(err, recognizer.ErrTooSmall) {
			continue
		}
		if err != nil {
			return fmt.Errorf("attack: picture %d: %w", pic.Index, err)
		}
		t.bodies[side][i].add(v, quality)
	}
	return nil
}

func faceOf(r *landmark.Result) recognizer.Face {
	return recognizer.Face{Points: r.Mesh.Five(), Corners: r.Mesh.Corners(), Yaw: r.Raw.Yaw, Pitch: r.Raw.Pitch, Presence: r.Presence}
}

// faceAlone is what the channel Complexion shows of a face, and where the face is in it; nil where none can be made out.
func (w *Watcher) faceAlone(ctx context.Context, pic *frame.Picture, r *landmark.Result, mask []frame.Point) (*frame.Picture, recognizer.Face, error) {
	face := faceOf(r)
	var shape outline = polygon(r.Mesh.Oval())
	box := r.Mesh.Box()
	if mask != nil {
		shape, box = hullOf(mask)
	}
	alone, at, err := w.cut.faceOnly(pic, box, shape)
	if err != nil {
		return nil, face, err
	}
	for i := range face.Points {
		face.Points[i], face.Corners[i] = at.Apply(face.Points[i]), at.Apply(face.Corners[i])
	}
	if mask == nil {
		return alone, face, nil
	}
	found, err := w.eyes.mesh.Analyze(ctx, alone, face.Points)
	switch {
	case errors.Is(err, landmark.ErrOutput), err == nil && found.Presence < landmark.Present:
		return nil, face, nil
	case err != nil:
		return nil, face, fmt.Errorf("attack: picture %d: %w", pic.Index, err)
	}
	return alone, faceOf(&found), nil
}

// mean sums embeddings, weighted by their quality.
type mean struct {
	sum   []float64
	faces int
}

func (m *mean) add(v []float32, weight float64) {
	if m.sum == nil {
		m.sum = make([]float64, len(v))
	}
	for i, x := range v {
		m.sum[i] += weight * float64(x)
	}
	m.faces++
}
