package pipeline

import (
	"cmp"
	"context"
	"errors"
	"testing"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/detector"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/verify"
)

// others is a detector that sees given boxes in given pictures.
type others struct {
	boxes map[int64][]frame.Rect
	score float64 // 0: .7
	err   error
}

func (o others) Detect(_ context.Context, pic *frame.Picture) (ds []detector.Detection, err error) {
	for _, b := range o.boxes[pic.Index] {
		c := b.Center()
		ds = append(ds, detector.Detection{Box: b, Score: cmp.Or(o.score, .7), Points: [5]frame.Point{c}})
	}
	return ds, o.err
}

func (o others) Within(ctx context.Context, pic *frame.Picture, _ frame.Rect) ([]detector.Detection, frame.Rect, error) {
	ds, err := o.Detect(ctx, pic)
	return ds, pic.Bounds(), err
}

// blindTo is a stage whose first detector sees only some of the actors, and perhaps others where it looks closely.
type blindTo struct {
	*stage
	sees, close *stage
}

func (b blindTo) Detect(ctx context.Context, pic *frame.Picture) ([]detector.Detection, error) {
	b.stage.at = pic.Index
	return b.sees.Detect(ctx, pic)
}

func (b blindTo) Near(ctx context.Context, pic *frame.Picture, _ frame.Rect, _ float64) ([]detector.Detection, error) {
	b.stage.at = pic.Index
	return b.close.Detect(ctx, pic)
}

// What the second detector alone sees is covered, and nobody's, whether it has landmarks or not.
func TestAlarms(t *testing.T) {
	known, missed := actor{who: 1, x: 80, y: 100, last: 39}, actor{who: 2, x: 220, y: 100, first: 10, last: 30}
	s := newStage(known, missed)
	eyes := blindTo{s, newStage(known), newStage(known)}
	wall := frame.Rect{X0: 10, Y0: 180, X1: 50, Y1: 230}
	second := others{boxes: map[int64][]frame.Rect{20: {wall}, 21: {wall}}}
	for f := known.first; f <= known.last; f++ {
		second.boxes[f] = append(second.boxes[f], known.box())
	}
	for f := missed.first; f <= missed.last; f++ {
		second.boxes[f] = append(second.boxes[f], missed.box())
	}
	cfg := config3()
	cfg.Uncertified = true
	var assured *Assured
	look := func(second others) (*decisions.List, error) {
		a, err := NewAnalyzer(cfg, &Stages{Detector: eyes, Edges: eyes, Near: eyes, Wide: nobody{}, Watch: second, TurnHint: nobody{}, Turned: nobody{}, Landmark: s, Recognizer: s})
		if err != nil {
			t.Fatal(err)
		}
		assured = a.Assured()
		for i := range int64(40) {
			pic := textured(i, 1)
			for _, b := range second.boxes[i] { // something is there to be seen
				for y := int(b.Y0); y < int(b.Y1); y++ {
					for x := int(b.X0); x < int(b.X1); x++ {
						pic.Planes[0].Data[y*pic.Planes[0].Stride+x] = 250
					}
				}
			}
			if _, err := a.Picture(context.Background(), pic); err != nil {
				return nil, err
			}
		}
		return a.Decide(context.Background(), newRegistry(t), decisions.Source{SHA256: "ab"})
	}
	l, err := look(second)
	if err != nil {
		t.Fatal(err)
	}
	jobs := l.ByFrame()
	for f, boxes := range second.boxes {
		for _, b := range boxes {
			if verify.Exposes(b, frame.Rect{X1: 320, Y1: 240}, verify.Regions(jobs[f])) {
				t.Errorf("frame %d: %v is exposed", f, b)
			}
		}
	}
	covered := func() (last int64) { // with missed
		for f, js := range l.ByFrame() {
			if !verify.Exposes(missed.box(), frame.Rect{X1: 320, Y1: 240}, verify.Regions(js)) {
				last = max(last, f)
			}
		}
		return last
	}
	if f := covered(); f != missed.last+2 {
		t.Errorf("what the first detector does not see is covered up to frame %d", f)
	}
	if len(l.Persons) != 1 || len(l.Tracks) != 3 {
		t.Errorf("%d persons, %d tracks", len(l.Persons), len(l.Tracks))
	}
	for _, tr := range l.Tracks {
		if found := tr.Why == WhyFound; found != (tr.Person == 0) || found && l.ActionOf(&tr) != decisions.Cover {
			t.Errorf("track %d of person %d: %s, %s", tr.ID, tr.Person, l.ActionOf(&tr), tr.Why)
		}
	}
	eyes.close = newStage(known, missed)
	if l, err = look(second); err != nil {
		t.Fatal(err)
	}
	if f := covered(); f != 39 {
		t.Errorf("what the first detector sees closely is covered up to frame %d", f)
	}
	// What it nearly takes for a face is one beside faces, and without them if the first detector sees one closely.
	second.score = .5
	for _, alone := range []bool{false, true} {
		if eyes.sees = newStage(known); alone {
			eyes.sees = newStage()
		}
		if l, err = look(second); err != nil {
			t.Fatal(err)
		}
		weak := map[frame.Rect]bool{}
		for _, f := range assured.suspects[20] {
			weak[f.Box] = f.Score < alarmNear
		}
		if w, known := weak[wall]; w != alone || !known || weak[missed.box()] {
			t.Errorf("alone %v: is nearly a face no face? %v", alone, weak)
		}
	}
	second.err = errors.New("broken")
	if _, err := look(second); !errors.Is(err, second.err) {
		t.Errorf("a second detector that fails: %v", err)
	}
}

// What the second detector's wide look finds is somebody if the first detector, looking closely, is sure; else it is covered, and nobody.
func TestWideFinds(t *testing.T) {
	known, small := actor{who: 1, x: 80, y: 100, last: 39}, actor{who: 2, x: 220, y: 100, last: 39}
	faint := small
	faint.faint = true
	for _, tc := range []struct {
		name    string
		close   *stage
		persons int
	}{
		{"seen closely", newStage(known, small), 2}, {"not seen", newStage(known), 1}, {"hardly seen", newStage(known, faint), 1},
	} {
		s := newStage(known, small) // the mesh sees a face in any case
		eyes := blindTo{s, newStage(known), tc.close}
		wide := others{boxes: map[int64][]frame.Rect{}, score: .8}
		for f := range int64(40) {
			wide.boxes[f] = []frame.Rect{small.box()}
		}
		cfg := config3()
		cfg.Uncertified = true
		a, err := NewAnalyzer(cfg, &Stages{Detector: eyes, Edges: eyes, Near: eyes, Wide: wide, Watch: nobody{}, TurnHint: nobody{}, Turned: nobody{}, Landmark: s, Recognizer: s})
		if err != nil {
			t.Fatal(err)
		}
		for i := range int64(40) {
			if _, err := a.Picture(context.Background(), textured(i, 1)); err != nil {
				t.Fatal(err)
			}
		}
		l, err := a.Decide(context.Background(), newRegistry(t), decisions.Source{SHA256: "ab"})
		if err != nil {
			t.Fatal(err)
		}
		if len(l.Persons) != tc.persons {
			t.Errorf("%s: %d people", tc.name, len(l.Persons))
		}
		for f, jobs := range l.ByFrame() {
			if verify.Exposes(small.box(), frame.Rect{X1: 320, Y1: 240}, verify.Regions(jobs)) {
				t.Errorf("%s, frame %d: exposed", tc.name, f)
			}
			for _, j := range jobs {
				if replaced := j.Action == decisions.Replace && j.Face.Rect().Center().X > 160; replaced && tc.persons == 1 {
					t.Errorf("%s, frame %d: what is nobody wears a surrogate", tc.name, f)
				}
			}
		}
	}
}

// What the detector was never sure of is covered, however long the landmarks follow it, and counts for nobody.
func TestNeverSure(t *testing.T) {
	s := newStage(actor{who: 1, x: 80, y: 100, last: 39}, actor{who: 2, x: 220, y: 100, last: 39, faint: true})
	cfg := config3()
	cfg.Uncertified = true
	l, err := s.decide(t, cfg, newRegistry(t), 40)
	if err != nil {
		t.Fatal(err)
	}
	covered := 0
	for _, jobs := range l.ByFrame() {
		for _, j := range jobs {
			if j.Face.Rect().Center().X > 160 && j.Action == decisions.Cover {
				covered++
			}
		}
	}
	if len(l.Persons) != 1 || covered != 40 {
		t.Errorf("%d people, the faint one is covered in %d of 40 frames", len(l.Persons), covered)
	}
}
