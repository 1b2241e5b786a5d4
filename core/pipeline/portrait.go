package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/ksamenet/ksamenet/core/detector"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/landmark"
	"github.com/ksamenet/ksamenet/core/recognizer"
)

// ErrPortrait says why a picture is no use for enrolment; its text is the reason.
var ErrPortrait = errors.New("not used")

// Portrait is what is kept of a face that is enrolled.
type Portrait struct {
	Embedding   []float32 // by the recogniser that people are matched by
	Quality     float64
	Second      []float32 // by the second recogniser, nil for none
	SecondModel string    // its name and hash
}

// Portrait takes the embedding of the one face of a picture, for enrolment. It returns ErrPortrait with the reason for a
// picture that shows no face, several, or one that is too small or too poor to tell people apart.
func (s *Stages) Portrait(ctx context.Context, pic *frame.Picture) (Portrait, error) {
	found, err := s.Detector.Detect(ctx, pic)
	if err != nil {
		return Portrait{}, err
	}
	switch len(found) {
	case 0:
		return Portrait{}, fmt.Errorf("%w: no face was found", ErrPortrait)
	case 1:
	default:
		return Portrait{}, fmt.Errorf("%w: %d faces; crop the picture to one", ErrPortrait, len(found))
	}
	return s.portraitOf(ctx, pic, found[0])
}

// sameBox is the overlap from which a detection is the face that a box was drawn around.
const sameBox = 0.3

// PortraitIn is Portrait for the face in a box of a picture that may show others, too.
func (s *Stages) PortraitIn(ctx context.Context, pic *frame.Picture, box frame.Rect) (Portrait, error) {
	found, err := s.Detector.Detect(ctx, pic)
	if err != nil {
		return Portrait{}, err
	}
	best, overlap := -1, sameBox
	for i, d := range found {
		if o := d.Box.IoU(box); o > overlap {
			best, overlap = i, o
		}
	}
	if best < 0 {
		return Portrait{}, fmt.Errorf("%w: no face was found in the box", ErrPortrait)
	}
	return s.portraitOf(ctx, pic, found[best])
}

func (s *Stages) portraitOf(ctx context.Context, pic *frame.Picture, d detector.Detection) (Portrait, error) {
	r, err := s.measure(func() (landmark.Result, error) { return s.Landmark.Analyze(ctx, pic, d.Points) })
	if err != nil {
		return Portrait{}, err
	}
	if !usable(r) {
		return Portrait{}, fmt.Errorf("%w: the face's landmarks cannot be made out", ErrPortrait)
	}
	embedding, quality, err := s.embed(ctx, pic, r)
	switch {
	case err != nil:
		return Portrait{}, err
	case embedding == nil:
		return Portrait{}, fmt.Errorf("%w: the face is less than %d px wide", ErrPortrait, recognizer.MinWidth)
	case quality < minEnrolQuality:
		return Portrait{}, fmt.Errorf("%w: quality %.2f, at least %.2f is needed (larger, sharper, more frontal)", ErrPortrait, quality, minEnrolQuality)
	}
	second, err := s.embedSecond(ctx, pic, r)
	return Portrait{Embedding: embedding, Quality: quality, Second: second, SecondModel: s.Second.id}, err
}

// embedSecond takes the embedding by the second recogniser, nil where there is none or the face cannot be aligned for it.
func (s *Stages) embedSecond(ctx context.Context, pic *frame.Picture, r landmark.Result) ([]float32, error) {
	if s.Second.faceRecognizer == nil {
		return nil, nil
	}
	e, _, err := s.Second.Embed(ctx, pic, faceOf(r))
	if errors.Is(err, recognizer.ErrTooSmall) {
		return nil, nil
	}
	return e, err
}

func faceOf(r landmark.Result) recognizer.Face {
	return recognizer.Face{Points: r.Mesh.Five(), Corners: r.Mesh.Corners(), Yaw: r.Raw.Yaw, Pitch: r.Raw.Pitch, Presence: r.Presence}
}

// witness is embed for one face of many of a track: a view that would count for nothing is not looked at.
func (s *Stages) witness(ctx context.Context, pic *frame.Picture, r landmark.Result) ([]float32, float64, error) {
	f := faceOf(r)
	f.Least = math.SmallestNonzeroFloat64
	return s.embedFace(ctx, pic, f)
}

// embed takes the embedding of a face with landmarks; nil for a face that is too small to tell people apart.
func (s *Stages) embed(ctx context.Context, pic *frame.Picture, r landmark.Result) ([]float32, float64, error) {
	return s.embedFace(ctx, pic, faceOf(r))
}

func (s *Stages) embedFace(ctx context.Context, pic *frame.Picture, f recognizer.Face) ([]float32, float64, error) {
	e, q, err := s.Recognizer.Embed(ctx, pic, f)
	if errors.Is(err, recognizer.ErrTooSmall) {
		return nil, 0, nil
	}
	return e, q, err
}
