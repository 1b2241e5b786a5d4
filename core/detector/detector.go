// Package detector finds faces in pictures: a resize, one network run per look, decoding, non-maximum suppression.
//
// Two networks are known by their output tensors: CenterFace (the safer one, for files) and YuNet (seven times faster,
// for streams). The package keeps no state between pictures; tracks are core/tracker's.
package detector

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/infer"
)

// ErrOutput says that a network's output is not finite, or of a shape that contradicts its input: the picture counts as
// not examined, never as empty.
var ErrOutput = errors.New("detector: unusable network output")

// Detection is one face. Box and Points are picture px; Box may reach beyond the picture's edge.
// Points: eye, eye, nose tip, mouth corner, mouth corner, the ones on the left of an upright face's picture first.
// The box runs from the lower forehead to the chin; the face's oval is some 9 % of the height taller at the top.
type Detection struct {
	Box    frame.Rect
	Score  float64 // 0..1; its meaning differs between networks
	Points [5]frame.Point
}

// Look is one pass over the whole picture.
type Look struct {
	Side    int     // longest side of the picture as the network sees it, px; rounded up to a multiple of 32
	Enlarge float64 // most magnification of small pictures; 0 means 1
	Turn    int     // quarter turns clockwise before looking, 0..3: finds faces that lie on their side or upside down
	// Mirror surrounds the picture by its own mirror image, this share of its longest side wide, 0..0.5. A face that the
	// edge cuts becomes a whole one: with 40 % of it in the picture CenterFace's scores rise from about .5 to .85, with 30 %
	// from .3 to .55 (three portraits cut at the left and at the top, margin .12); a black or replicated border lowers them.
	Mirror float64
}

// Config chooses looks and thresholds. The zero value is the recommended single look.
type Config struct {
	// Looks run one after the other and their detections are united. Empty: one look at side 640.
	// Two scales find more than one big one: 640 with 1280 has recall .981 against .959 and .967 (CenterFace, 368 faces
	// in 179 pictures). On a rolling camera the upright look found no face in 4 of 20 pictures and doubted many others; the
	// other three turns found every face that it found and more, the best of each picture at .90 or higher. Two Detectors of one Engine can share the work: an upright look
	// for each picture, the turned ones now and then and where a track was lost.
	Looks []Look
	// Score is the least score of a detection. 0: the network's own, measured on the same pictures: CenterFace .35
	// (no false positive at 640), YuNet .6 (two).
	Score float64
	// Overlap is the intersection over union from which the weaker of two boxes is dropped. 0: .3.
	Overlap float64
}

// DefaultSide is the side of the look that Config's zero value stands for.
const DefaultSide = 640

// Detector runs one network. It belongs to one goroutine at a time; its Engine stays the caller's.
type Detector struct {
	engine infer.Engine
	net    network
	cfg    Config
	looks  []*look
	near   *look // of Near; nil until it is used
	part   *look // of Within; the same
	warper align.Warper
	found  []Detection
}

// look is a Look with its session; sessions of different looks keep their own buffers, so that none is reshaped per picture.
type look struct {
	Look
	session infer.Session
	data    func(string) []float32 // session.Data, bound once
	w, h    int                    // of the session's input; 0 after a failed change of shape
}

// New checks that engine is a known network and that cfg is usable. Sessions are made on the first picture.
// Errors: infer.ErrModel when the network is unknown.
func New(engine infer.Engine, cfg Config) (*Detector, error) {
	net, err := identify(engine.Tensors())
	if err != nil {
		return nil, err
	}
	if len(cfg.Looks) == 0 {
		cfg.Looks = []Look{{Side: DefaultSide}}
	}
	if cfg.Score == 0 {
		cfg.Score = net.score()
	}
	if cfg.Overlap == 0 {
		cfg.Overlap = .3
	}
	if !(cfg.Score > 0 && cfg.Score < 1) || !(cfg.Overlap > 0 && cfg.Overlap < 1) {
		return nil, fmt.Errorf("detector: score %v and overlap %v must lie between 0 and 1", cfg.Score, cfg.Overlap)
	}
	d := &Detector{engine: engine, net: net, cfg: cfg}
	for _, l := range cfg.Looks {
		if l.Enlarge == 0 {
			l.Enlarge = 1
		}
		if l.Side < 32 || l.Side > 8192 || !(l.Enlarge > 0 && l.Enlarge <= 8) || l.Turn < 0 || l.Turn > 3 || !(l.Mirror >= 0 && l.Mirror <= .5) {
			return nil, fmt.Errorf("detector: bad look %+v", l)
		}
		d.looks = append(d.looks, &look{Look: l})
	}
	return d, nil
}

// Network is the name of the network that was recognised: "centerface" or "yunet".
func (d *Detector) Network() string { return d.net.name() }

// Detect finds the faces of pic, best score first; ties in reading order. The slice is valid until the next call.
// An error means that the picture was not examined. Errors: frame.ErrLayout, ErrOutput, infer's, ctx's.
func (d *Detector) Detect(ctx context.Context, pic *frame.Picture) ([]Detection, error) {
	d.found = d.found[:0]
	for i, l := range d.looks {
		if d.repeats(i, pic) {
			continue
		}
		if err := d.run(ctx, l, pic); err != nil {
			return nil, err
		}
	}
	d.found = suppress(d.found, d.cfg.Overlap)
	if slices.ContainsFunc(d.cfg.Looks, func(l Look) bool { return l.Mirror > 0 }) {
		d.found = withoutImages(d.found, pic.Bounds())
	}
	return d.found, nil
}

// repeats says that look i shows the network what an earlier one showed it: a picture may be smaller than both sides.
func (d *Detector) repeats(i int, pic *frame.Picture) bool {
	l := d.looks[i]
	for _, o := range d.looks[:i] {
		if o.Turn != l.Turn || o.Mirror != l.Mirror || o.Mirror != 0 {
			continue
		}
		w, h, m := l.plan(pic.W, pic.H)
		if ow, oh, om := o.plan(pic.W, pic.H); ow == w && oh == h && om == m {
			return true
		}
	}
	return false
}

func (d *Detector) run(ctx context.Context, l *look, pic *frame.Picture) error {
	if err := pic.Validate(); err != nil {
		return fmt.Errorf("detector: %w", err)
	}
	w, h, m := l.plan(pic.W, pic.H)
	return d.see(ctx, l, pic, w, h, m, l.inner(pic.W, pic.H))
}

// see runs the network on the w×h input that m maps to pic, and adds what it finds. inner is where the picture lies in an
// input that is mirrored around it; empty for none.
func (d *Detector) see(ctx context.Context, l *look, pic *frame.Picture, w, h int, m align.Matrix, inner inset) error {
	if w != l.w || h != l.h {
		if err := d.shape(l, w, h); err != nil {
			return fmt.Errorf("detector: %w", err)
		}
	}
	in := align.Input{Data: l.session.Data(d.net.input()), W: w, H: h, BGR: d.net.bgr(), Border: align.Black}
	if err := d.warper.Warp(pic, m, in); err != nil {
		return fmt.Errorf("detector: %w", err)
	}
	inner.mirror(in.Data, w, h)
	if err := l.session.Run(ctx); err != nil {
		return fmt.Errorf("detector: %w", err)
	}
	first := len(d.found)
	found, err := d.net.decode(l.data, w, h, d.cfg.Score, d.found)
	if err != nil {
		return err
	}
	kept := found[:first]
	for _, f := range found[first:] {
		if f = f.moved(m); !f.Box.Intersect(pic.Bounds()).Empty() { // the padding holds no faces
			kept = append(kept, f)
		}
	}
	d.found = kept
	return nil
}

// shape gives l a session for a w×h input.
func (d *Detector) shape(l *look, w, h int) (err error) {
	l.w, l.h = 0, 0
	shapes := map[string][]int64{d.net.input(): {1, 3, int64(h), int64(w)}}
	if f, ok := d.engine.(infer.Foreteller); ok && w%gridPx == 0 && h%gridPx == 0 {
		f.Foretell(shapes, d.net.shapes(int64(w), int64(h)))
	}
	if l.session != nil {
		err = l.session.Reshape(shapes)
	} else {
		l.session, err = d.engine.NewSession(shapes)
	}
	if err == nil {
		l.data, l.w, l.h = l.session.Data, w, h
	}
	return err
}

// Close releases the sessions, not the engine. It is safe to call twice.
func (d *Detector) Close() error {
	var errs []error
	for _, l := range append(d.looks[:len(d.looks):len(d.looks)], d.near, d.part) {
		if l != nil && l.session != nil {
			errs = append(errs, l.session.Close())
			l.session, l.w, l.h = nil, 0, 0
		}
	}
	return errors.Join(errs...)
}
