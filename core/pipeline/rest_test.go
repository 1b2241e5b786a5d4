package pipeline

import (
	"context"
	"slices"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/landmark"
)

// tallied counts the measurements of followed faces.
type tallied struct {
	*followed
	measured int
}

func (s *tallied) Follow(ctx context.Context, pic *frame.Picture, before *landmark.Mesh) (landmark.Result, error) {
	s.measured++
	return s.followed.Follow(ctx, pic, before)
}

// The faces of a calm crowd are measured in about every second picture and hidden in all; fewer faces, and neighbours, in every one. One
// that leaves while it rests is not followed on.
func TestACalmCrowdRests(t *testing.T) {
	row := []actor{{who: 1, x: 40, y: 100, last: 99}, {who: 2, x: 120, y: 100, last: 99}, {who: 3, x: 200, y: 100, last: 99}, {who: 4, x: 280, y: 100, last: 99}, {who: 5, x: 160, y: 200, last: 99}}
	close := slices.Clone(row)
	close[1].x, close[3].x = 90, 250
	leaving := slices.Clone(row)
	leaving[2].last = 49
	for _, c := range []struct {
		name        string
		actors      []actor
		least, most int
	}{{"crowd", row, 225, 330}, {"three", row[:3], 280, 300}, {"neighbours", close, 430, 480}, {"leaving", leaving, 230, 400}} {
		s := &tallied{followed: &followed{stage: newStage(c.actors...)}}
		cfg := config3()
		cfg.Uncertified = true
		a, err := NewAnalyzer(cfg, &Stages{Detector: s, Edges: s, Near: s, Wide: nobody{}, Watch: nobody{}, TurnHint: nobody{}, Turned: nobody{}, Landmark: s, Recognizer: s})
		if err != nil {
			t.Fatal(err)
		}
		for i := range int64(100) {
			seen := len(a.sights)
			if _, err := a.Picture(context.Background(), textured(i, 1)); err != nil {
				t.Fatal(err)
			}
			want := 0
			for _, b := range c.actors {
				if i <= b.last {
					want++
				}
			}
			if n := len(a.sights) - seen; n < want || n > want+1 || n > want && i > 51 {
				t.Errorf("%s, picture %d: %d faces seen, want %d", c.name, i, n, want)
			}
		}
		if s.measured < c.least || s.measured > c.most {
			t.Errorf("%s: %d measurements of followed faces, want %d to %d", c.name, s.measured, c.least, c.most)
		}
	}
}
