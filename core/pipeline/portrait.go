package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/ksamenet/ksamenet/core/detector"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/landmark"
	"github.com/ksamenet/ksamenet/core/recognizer"
)

// ErrPortrait says why a picture is no use for enrolment; its text is the reason.
var ErrPortrait = errors.New("not used")

// Portrait takes the embedding of the one face of a picture, for enrolment. It returns ErrPortrait with the reason for a
// picture that shows no face, several, or one that is too small or too poor to tell people apart.
func (s *Stages) Portrait(ctx context.Context, pic *frame.Picture) (embedding []float32, quality float64, err error) {
	found, err := s.Detector.Detect(ctx, pic)
	if err != nil {
		return nil, 0, err
	}
	switch len(found) {
	case 0:
		return nil, 0, fmt.Errorf("%w: no face was found", ErrPortrait)
	case 1:
	default:
		return nil, 0, fmt.Errorf("%w: %d faces; crop the picture to one", ErrPortrait, len(found))
	}
	return s.portraitOf(ctx, pic, found[0])
}

// sameBox is the overlap from which a detection is the face that a box was drawn around.
const sameBox = 0.3

// PortraitIn is Portrait for the face in a box of a picture that may show others, too.
func (s *Stages) PortraitIn(ctx context.Context, pic *frame.Picture, box frame.Rect) (embedding []float32, quality float64, err error) {
	found, err := s.Detector.Detect(ctx, pic)
	if err != nil {
		return nil, 0, err
	}
	best, overlap := -1, sameBox
	for i, d := range found {
		if o := d.Box.IoU(box); o > overlap {
			best, overlap = i, o
		}
	}
	if best < 0 {
		return nil, 0, fmt.Errorf("%w: no face was found in the box", ErrPortrait)
	}
	return s.portraitOf(ctx, pic, found[best])
}

func (s *Stages) portraitOf(ctx context.Context, pic *frame.Picture, d detector.Detection) (embedding []float32, quality float64, err error) {
	r, err := s.measure(func() (landmark.Result, error) { return s.Landmark.Analyze(ctx, pic, d.Points) })
	if err != nil {
		return nil, 0, err
	}
	if !usable(r) {
		return nil, 0, fmt.Errorf("%w: the face's landmarks cannot be made out", ErrPortrait)
	}
	embedding, quality, err = s.embed(ctx, pic, r)
	switch {
	case err != nil:
		return nil, 0, err
	case embedding == nil:
		return nil, 0, fmt.Errorf("%w: the face is less than %d px wide", ErrPortrait, recognizer.MinWidth)
	case quality < minEnrolQuality:
		return nil, 0, fmt.Errorf("%w: quality %.2f, at least %.2f is needed (larger, sharper, more frontal)", ErrPortrait, quality, minEnrolQuality)
	}
	return embedding, quality, nil
}

// embed takes the embedding of a face with landmarks; nil for a face that is too small to tell people apart.
func (s *Stages) embed(ctx context.Context, pic *frame.Picture, r landmark.Result) ([]float32, float64, error) {
	f := recognizer.Face{Points: r.Mesh.Five(), Corners: r.Mesh.Corners(), Yaw: r.Raw.Yaw, Pitch: r.Raw.Pitch, Presence: r.Presence}
	e, q, err := s.Recognizer.Embed(ctx, pic, f)
	if errors.Is(err, recognizer.ErrTooSmall) {
		return nil, 0, nil
	}
	return e, q, err
}
