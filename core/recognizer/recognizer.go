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

// Face is what Embed needs to know of a face.
type Face struct {
	// Points: eye, eye, nose tip, mouth corner, mouth corner in picture px, the ones on the left of an upright face's
	// picture first. Take them from the mesh (iris centres), not from a detector: the detectors' points are off by 8 to
	// 15 % of the eye distance, which costs a point of true positives.
	Points     [5]frame.Point
	Yaw, Pitch float64 // degrees
	Presence   float64 // of the mesh, 0..1
}

// template holds the places of Face.Points in the network's 112×112 input.
// Source: Deng et al., "ArcFace", CVPR 2019, section 4.1 (five-point similarity); the figures are those of its published code.
var template = [5]frame.Point{{X: 38.2946, Y: 51.6963}, {X: 73.5318, Y: 51.5014}, {X: 56.0252, Y: 71.7366}, {X: 41.5493, Y: 92.3655}, {X: 70.7299, Y: 92.2041}}

const (
	side = 112
	// faceWidth is the width of an average face in template px: the canonical face mesh, 15.3 cm wide, at the scale that
	// brings its five points nearest to the template.
	faceWidth = 89
)

// Recognizer runs one network. It belongs to one goroutine at a time; its Engine stays the caller's.
type Recognizer struct {
	session infer.Session
	in, out string
	warper  align.Warper
}

// New opens a session of an SFace-like engine: one input [N, 3, 112, 112] of R'G'B' 0..255, one output [N, 128].
// Errors: infer.ErrModel when the engine is of another shape.
func New(engine infer.Engine) (*Recognizer, error) {
	r := &Recognizer{}
	for _, t := range engine.Tensors() {
		if t.Input {
			r.in = t.Name
		} else {
			r.out = t.Name
		}
	}
	s, err := engine.NewSession(map[string][]int64{r.in: {1, 3, side, side}})
	if err != nil {
		return nil, fmt.Errorf("recognizer: %w", err)
	}
	if len(s.Data(r.in)) != 3*side*side || len(s.Data(r.out)) != Size {
		return nil, errors.Join(fmt.Errorf("%w: not a recogniser that is known (tensors %v)", infer.ErrModel, engine.Tensors()), s.Close())
	}
	r.session = s
	return r, nil
}

// Embed computes the embedding of f: Size values of length 1, the caller's to keep, compared by their dot product.
// Same person .67 ± .11, different people .05 ± .09 on 1830 pairs; .45 and above links.
// quality, 0..1, weighs embeddings when a track's are averaged (see quality.go).
// Errors: ErrTooSmall, ErrOutput, frame.ErrLayout, infer's, ctx's.
func (r *Recognizer) Embed(ctx context.Context, pic *frame.Picture, f Face) (vector []float32, quality float64, err error) {
	m, err := align.Similarity(template[:], f.Points[:])
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrTooSmall, err)
	}
	width := faceWidth * m.Scale()
	if width < MinWidth {
		return nil, 0, fmt.Errorf("%w: %.1f px wide, want %d", ErrTooSmall, width, MinWidth)
	}
	in := r.session.Data(r.in)
	if err := r.warper.Warp(pic, m, align.Input{Data: in, W: side, H: side}); err != nil {
		return nil, 0, fmt.Errorf("recognizer: %w", err)
	}
	quality = grade(width, f, sharpness(in))
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
