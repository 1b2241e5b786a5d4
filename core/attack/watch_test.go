package attack

import (
	"context"
	"errors"
	"testing"

	"github.com/ksamenet/ksamenet/core/detector"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/landmark"
	"github.com/ksamenet/ksamenet/core/recognizer"
)

// stage stands for all networks: a face fills every box of its list.
type stage struct {
	boxes  []frame.Rect
	embeds int
	fail   error
}

func (s *stage) Detect(context.Context, *frame.Picture) (d []detector.Detection, err error) {
	for _, b := range s.boxes {
		d = append(d, detector.Detection{Box: b, Score: .9})
	}
	return d, nil
}

func (s *stage) Analyze(context.Context, *frame.Picture, [5]frame.Point) (r landmark.Result, err error) {
	r.Presence, r.Placement.Scale = 1, 50
	for i := range r.Mesh.Points {
		r.Mesh.Points[i] = [3]float32{float32(40 + i%17), float32(40 + i%13), 0}
	}
	return r, nil
}

func (s *stage) Steady(ctx context.Context, pic *frame.Picture, _ *landmark.Mesh, _ int) (landmark.Result, error) {
	return s.Analyze(ctx, pic, [5]frame.Point{})
}

// Calibrate takes half of every unit for the face's own.
func (s *stage) Calibrate(_ context.Context, track []landmark.Sample) error {
	for i := range track {
		for k, v := range track[i].Raw.Expression {
			track[i].Raw.Expression[k] = v / 2
		}
	}
	return s.fail
}

func (s *stage) Embed(context.Context, *frame.Picture, recognizer.Face) ([]float32, float64, error) {
	s.embeds++
	return []float32{1, 2}, 1, s.fail
}

func watching(t *testing.T, s *stage, cfg Config) *Watcher {
	t.Helper()
	w, err := NewWatcher(&Eyes{find: []finder{s, s}, mesh: s, embed: []embedder{s, s}}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func picture(index int64, w int) *frame.Picture {
	p := frame.New(frame.I420, w, 100)
	p.Index = index
	return p
}

func TestPairCountsWhatIsShown(t *testing.T) {
	box := frame.Rect{X0: 30, Y0: 30, X1: 70, Y1: 70}
	s := &stage{boxes: []frame.Rect{box}}
	w := watching(t, s, Config{Utility: true, Every: 4})
	for i := range int64(10) {
		// Covered in the last three pictures; somebody whom nobody detects stands aside.
		faces := []Face{{Track: 1, Person: "a", Box: box, Clear: i >= 7}, {Track: 2, Person: "b", Box: frame.Rect{X0: 80, Y0: 0, X1: 95, Y1: 15}}}
		if err := w.Pair(context.Background(), picture(i, 100), picture(i, 100), faces); err != nil {
			t.Fatal(err)
		}
	}
	u := measure(t, w)
	if u.Tracks != 2 || u.Faces != 17 || u.Measured != 7 || u.Detection[0].Original != 7./17 || u.Detection[0].Ratio != 1 {
		t.Errorf("got %+v", u)
	}
	if want := 3 * len(views) * int(sides); s.embeds != want { // pictures 0, 4 and 8
		t.Errorf("%d embeddings, want %d", s.embeds, want)
	}
	if frames, tracks := w.Seen(); frames != 10 || tracks != 2 {
		t.Errorf("%d frames, %d tracks", frames, tracks)
	}
}

func TestPairRefuses(t *testing.T) {
	boom := errors.New("boom")
	box := frame.Rect{X0: 30, Y0: 30, X1: 70, Y1: 70}
	for name, tc := range map[string]struct {
		output *frame.Picture
		fail   error
		want   error
	}{
		"another size":    {picture(0, 120), nil, ErrPair},
		"another picture": {picture(1, 100), nil, ErrPair},
		"network":         {picture(0, 100), boom, boom},
		"too small":       {picture(0, 100), recognizer.ErrTooSmall, nil},
	} {
		w := watching(t, &stage{boxes: []frame.Rect{box}, fail: tc.fail}, Config{Every: 1})
		if err := w.Pair(context.Background(), picture(0, 100), tc.output, []Face{{Track: 1, Box: box}}); !errors.Is(err, tc.want) {
			t.Errorf("%s: got %v, want %v", name, err, tc.want)
		}
	}
	if _, err := NewWatcher(&Eyes{}, Config{}); err == nil {
		t.Error("every 0 pictures was taken")
	}
}
