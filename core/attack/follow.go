package attack

import (
	"context"
	"fmt"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/tracker"
)

// Follower finds the faces of an original by itself, where no decision list says where they are. Every track is a person of
// its own: who comes back after a cut is not known.
type Follower struct {
	eyes  *Eyes
	track *tracker.Tracker
	cuts  tracker.CutDetector
	obs   []tracker.Observation
}

// NewFollower follows the faces of one original. The Eyes stay the caller's.
func NewFollower(eyes *Eyes) (*Follower, error) {
	t, err := tracker.New(tracker.DefaultConfig())
	if err != nil {
		return nil, fmt.Errorf("attack: %w", err)
	}
	return &Follower{eyes: eyes, track: t}, nil
}

// Faces are the faces seen in the next picture.
func (f *Follower) Faces(ctx context.Context, pic *frame.Picture) ([]Face, error) {
	cut, err := f.cuts.Next(pic)
	if err != nil {
		return nil, fmt.Errorf("attack: %w", err)
	}
	found, err := f.eyes.find[0].Detect(ctx, pic)
	if err != nil {
		return nil, fmt.Errorf("attack: picture %d: %w", pic.Index, err)
	}
	f.obs = f.obs[:0]
	for i, d := range found {
		f.obs = append(f.obs, tracker.Observation{Box: d.Box, Score: d.Score, Points: d.Points, Tag: i})
	}
	tracks, err := f.track.Update(pic.Index, cut.Cut, f.obs)
	if err != nil {
		return nil, fmt.Errorf("attack: %w", err)
	}
	var faces []Face
	for _, t := range tracks {
		if t.Tag >= 0 {
			faces = append(faces, Face{Track: t.ID, Person: fmt.Sprintf("track %d", t.ID), Box: t.Box})
		}
	}
	return faces, nil
}
