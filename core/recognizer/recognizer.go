// Package recognizer turns an aligned face into an identity embedding and says how far to trust it.
//
// Embeddings serve tracking, the closed set and verification. They never reach the generator (docs/guarantee.md, I1).
package recognizer

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/infer"
)

// Size is the number of values of an embedding.
const Size = 128

// MinWidth is the least width of a face, in picture px from ear to ear, that is embedded. At 24 px the network still
// ranks 1715 pairs without an error (area under the curve 1.000), at 16 px it does not (.988).
const MinWidth = 24

// Errors that callers branch on.
var (
	// ErrTooSmall: the face is narrower than MinWidth, or its points do not span a face.
	ErrTooSmall = errors.New("recognizer: face too small")
	// ErrOutput: the network's output is not a finite direction.
	ErrOutput = errors.New("recognizer: unusable network output")
)

// Face is what Embed needs to know of a face. Take the points from the mesh (landmark.Mesh.Five, Corners), not from a
// detector: the detectors' points are off by 8 to 15 % of the eye distance, which costs a point of true positives.
type Face struct {
	// Points: eye, eye, nose tip, mouth corner, mouth corner in picture px, the ones on the left of an upright face's
	// picture first, eyes as iris centres.
	Points [5]frame.Point
	// Corners: outer and inner corner of the left eye (of the picture), inner and outer corner of the right one, base of
	// the nose. Only a recogniser that aligns by them (dlib's) needs them.
	Corners    [5]frame.Point
	Yaw, Pitch float64 // degrees
	Presence   float64 // of the mesh, 0..1
	Least      float64 // quality below which Embed leaves the network alone and returns no vector; 0: none
}

// Recognizer runs one network. It belongs to one goroutine at a time; its Engine stays the caller's.
type Recognizer struct {
	session infer.Session
	chip    *chip
	in, out string
	warper  align.Warper
}

// New opens a session of a known recogniser: models/sface (input [N, 3, 112, 112]) or models/dlib ([N, 3, 150, 150]),
// both R'G'B' 0..255, output [N, 128]. Errors: infer.ErrModel when the engine is of another shape.
func New(engine infer.Engine) (*Recognizer, error) {
	r := &Recognizer{}
	known := false
	for _, t := range engine.Tensors() {
		if !t.Input {
			r.out = t.Name
			continue
		}
		r.in = t.Name
		for _, c := range chips {
			if len(t.Shape) == 4 && t.Shape[3] == int64(c.side) {
				r.chip, known = c, true
			}
		}
	}
	unknown := fmt.Errorf("%w: not a recogniser that is known (tensors %v)", infer.ErrModel, engine.Tensors())
	if !known {
		return nil, unknown
	}
	side := r.chip.side
	s, err := engine.NewSession(map[string][]int64{r.in: {1, 3, int64(side), int64(side)}})
	if err != nil {
		return nil, fmt.Errorf("recognizer: %w", err)
	}
	if len(s.Data(r.in)) != 3*side*side || len(s.Data(r.out)) != Size {
		return nil, errors.Join(unknown, s.Close())
	}
	r.session = s
	return r, nil
}

// Link is the similarity (dot product of embeddings) from which two faces count as one person's; see Embed.
func (r *Recognizer) Link() float64 { return r.chip.link }

// Embed computes the embedding of f: Size values of length 1, the caller's to keep, compared by their dot product; those
// of different networks are not comparable. Measured on 1830 pairs of real faces: SFace has .67 ± .11 for one person and
// .05 ± .09 for two, and links from .45; dlib's has .957 ± .018 and .833 ± .033, and links from .905.
// quality, 0..1, weighs embeddings when a track's are averaged (see quality.go).
// Errors: ErrTooSmall (also where the points that this network aligns by are missing), ErrOutput, frame.ErrLayout,
// infer's, ctx's.
func (r *Recognizer) Embed(ctx context.Context, pic *frame.Picture, f Face) (vector []float32, quality float64, err error) {
	m, err := r.chip.align(&f)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrTooSmall, err)
	}
	width := r.chip.faceWidth * m.Scale()
	if width < MinWidth {
		return nil, 0, fmt.Errorf("%w: %.1f px wide, want %d", ErrTooSmall, width, MinWidth)
	}
	in, side := r.session.Data(r.in), r.chip.side
	if err := r.warper.Warp(pic, m, align.Input{Data: in, W: side, H: side}); err != nil {
		return nil, 0, fmt.Errorf("recognizer: %w", err)
	}
	quality = grade(width, f, sharpness(in, side))
	if quality < f.Least {
		return nil, quality, nil
	}
	if err := r.session.Run(ctx); err != nil {
		return nil, 0, fmt.Errorf("recognizer: %w", err)
	}
	vector, err = unit(r.session.Data(r.out))
	return vector, quality, err
}

// unit is a copy of v with length 1.
func unit(v []float32) ([]float32, error) {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if !(sum > 1e-12) || math.IsInf(sum, 0) { // NaN fails the comparison
		return nil, fmt.Errorf("%w: squared length %v", ErrOutput, sum)
	}
	k, u := 1/math.Sqrt(sum), make([]float32, len(v))
	for i, x := range v {
		u[i] = float32(float64(x) * k)
	}
	return u, nil
}

// Close releases the session, not the engine. It is safe to call twice.
func (r *Recognizer) Close() error { return r.session.Close() }
