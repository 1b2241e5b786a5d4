package pipeline

import (
	"context"
	"math"
	"testing"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/detector"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/tracker"
	"github.com/ksamenet/ksamenet/core/verify"
)

// bright is a second detector that takes the 8x8 blocks of luma 255 of a picture, in the part that it is shown, for faces.
type bright struct{ parts []frame.Rect }

func (b *bright) Within(_ context.Context, pic *frame.Picture, part frame.Rect) (found []detector.Detection, _ frame.Rect, _ error) {
	part = part.Intersect(pic.Bounds())
	b.parts = append(b.parts, part)
	for y := 0; y < pic.H; y += 8 {
		for x := 0; x < pic.W; x += 8 {
			box := frame.Rect{X0: float64(x), Y0: float64(y), X1: float64(x + 8), Y1: float64(y + 8)}
			if pic.Planes[0].Data[y*pic.Planes[0].Stride+x] == 255 && holds(part, box.Center()) {
				found = append(found, detector.Detection{Box: box, Score: .7})
			}
		}
	}
	return found, part, nil
}

// lit is a gray picture with bright blocks at places.
func lit(at ...[2]int) *frame.Picture {
	p := frame.New(frame.I420, 640, 360)
	for i := range p.Planes[0].Data {
		p.Planes[0].Data[i] = 90
	}
	for _, a := range at {
		for y := a[1]; y < a[1]+8; y++ {
			for x := a[0]; x < a[0]+8; x++ {
				p.Planes[0].Data[y*p.Planes[0].Stride+x] = 255
			}
		}
	}
	return p
}

// The second detector looks where something has changed, sees whatever is there in every picture, and forgets what has gone.
func TestVigil(t *testing.T) {
	var cuts tracker.CutDetector
	var v vigil
	eye := &bright{}
	known := []frame.Rect{{X0: 400, Y0: 200, X1: 560, Y1: 340}}
	for i, tc := range []struct {
		name  string
		pic   *frame.Picture
		faces int
		part  float64 // of the picture that is looked at, at most
	}{
		{"the first picture", lit([2]int{80, 80}), 1, 1},
		{"nothing new", lit([2]int{80, 80}), 1, 0},
		{"another one", lit([2]int{80, 80}, [2]int{560, 80}), 2, .1},
		{"both, unchanged", lit([2]int{80, 80}, [2]int{560, 80}), 2, 0},
		{"the first is gone", lit([2]int{560, 80}), 1, .1},
		{"it has moved", lit([2]int{568, 96}), 1, .1},
		{"within what is known", lit([2]int{568, 96}, [2]int{480, 280}), 1, 0},
		{"the last one is gone as well", lit([2]int{480, 280}), 0, .1},
	} {
		if _, err := cuts.Next(tc.pic); err != nil {
			t.Fatal(err)
		}
		eye.parts = nil
		found, all, err := v.look(context.Background(), eye, &cuts, tc.pic, i == 0, 12, known)
		if err != nil || len(found) != tc.faces || all != (i == 0) {
			t.Errorf("%s: %v (%v), all %v; want %d", tc.name, found, err, all, tc.faces)
		}
		area := 0.
		for _, p := range eye.parts {
			area += p.Area()
		}
		if area > tc.part*640*360 || (area > 0) != (tc.part > 0) {
			t.Errorf("%s: looked at %v", tc.name, eye.parts)
		}
	}
	for i := range 12 {
		if _, err := cuts.Next(lit()); err != nil {
			t.Fatal(err)
		}
		if _, all, err := v.look(context.Background(), eye, &cuts, lit(), false, 12, known); err != nil || all != (i == 4) {
			t.Errorf("picture %d: the whole looked at: %v (%v)", 8+i, all, err)
		}
	}
}

// seer sees one face in every picture, and counts.
type seer struct {
	box frame.Rect
	n   int
}

func (s *seer) Detect(context.Context, *frame.Picture) ([]detector.Detection, error) {
	s.n++
	return []detector.Detection{{Box: s.box, Score: .9}}, nil
}

// The watch over the output takes over from pass 1 what that is sure of, and nothing else.
func TestWhatPassOneAssures(t *testing.T) {
	face, other := frame.Rect{X0: 100, Y0: 100, X1: 300, Y1: 340}, frame.Rect{X0: 500, Y0: 40, X1: 560, Y1: 110}
	hides := func(boxes ...frame.Rect) (jobs []decisions.Job) {
		for _, b := range boxes {
			jobs = append(jobs, decisions.Job{Action: decisions.Cover, Face: &decisions.Face{Box: [4]float64{b.X0, b.Y0, b.X1, b.Y1}}})
		}
		return jobs
	}
	wears := func(b frame.Rect, roll float64) []decisions.Job {
		jobs := hides(b)
		jobs[0].Action, jobs[0].Face.Place = decisions.Replace, &align.Placement{Roll: roll}
		jobs[0].Face.Oval = [][2]float64{{b.X0, b.Y0}, {b.X1, b.Y0}, {b.X1, b.Y1}, {b.X0, b.Y1}}
		return jobs
	}
	for _, tc := range []struct {
		name         string
		suspects     []frame.Rect
		jobs         []decisions.Job
		index        int64
		none         bool // no pass 1
		whole, small int  // looks
		turned       int  // at the whole scale as well
		found        int
	}{
		{"an empty picture", nil, nil, 3, false, 0, 0, 0, 0},
		{"without pass 1", nil, nil, 3, true, 1, 0, 0, 1},
		{"a picture that pass 1 did not see", nil, nil, 50, false, 1, 0, 0, 1},
		{"a face that is hidden", []frame.Rect{face}, hides(face), 3, false, 0, 1, 0, 0},
		{"a face that is hidden, and one that is not", []frame.Rect{face, other}, hides(face), 3, false, 1, 0, 0, 0},
		{"a face that the list forgot", []frame.Rect{face}, nil, 3, false, 1, 0, 0, 1},
		{"a small cover beside it", []frame.Rect{face}, hides(face, frame.Rect{X0: 10, Y0: 10, X1: 30, Y1: 34}), 3, false, 1, 0, 0, 0},
		{"a head that is held askew", []frame.Rect{face}, wears(face, .8), 3, false, 0, 1, 0, 0},
		{"a head that lies on its side", []frame.Rect{face}, wears(face, 1.5), 3, false, 0, 0, 1, 0},
		{"a head upside down", []frame.Rect{face}, wears(face, -3.1), 3, false, 0, 0, 1, 0},
		{"a head upside down, as another number", []frame.Rect{face}, wears(face, 3*math.Pi), 3, false, 0, 0, 1, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			whole, small, turned := &seer{box: face}, &seer{box: face}, &seer{box: face}
			lane := &Lane{}
			var err error
			if lane.Watcher, err = verify.NewWatcher(0, whole); err != nil {
				t.Fatal(err)
			}
			w, err := verify.NewWatcher(0, small)
			if err != nil {
				t.Fatal(err)
			}
			lane.small = []*verify.Watcher{w}
			if lane.turned, err = verify.NewWatcher(0, turned); err != nil {
				t.Fatal(err)
			}
			pic := frame.New(frame.I420, 640, 360)
			pic.Index = tc.index
			before := &Assured{frames: 50, bounds: pic.Bounds()}
			for _, b := range tc.suspects {
				before.suspect(tc.index, detector.Detection{Box: b, Score: .5}, true)
			}
			if tc.none {
				before = nil
			}
			found, carried, err := lane.Again(context.Background(), pic, verify.Regions(tc.jobs), before)
			if err != nil || len(found) != tc.found || whole.n != tc.whole || small.n != tc.small || turned.n != tc.turned ||
				carried != (tc.whole+tc.small+tc.turned == 0) || lane.Seen() != int64(tc.whole+tc.small+tc.turned) {
				t.Errorf("%v (%v), %d looks at all, %d coarse, %d at the whole scale, carried %v", found, err, whole.n, small.n, turned.n, carried)
			}
		})
	}
}

// What the second detector nearly takes for a face is covered at once where that costs little of the picture and it lasts, and else
// where the output turns out to show a face.
func TestNearlyFaces(t *testing.T) {
	for n, tc := range []struct {
		name    string
		score   float64
		side    float64
		again   int64 // picture in which it is seen once more
		covered bool
		worn    bool // a surrogate is rendered elsewhere in the picture
	}{
		{"a print", .5, 60, 24, true, false}, {"a hint", .4, 60, 24, false, false}, {"a shawl", .5, 120, 24, false, false},
		{"a face as large", .62, 120, 24, true, false}, {"what flickers", .5, 60, 40, false, false}, {"a face that is seen once", .62, 60, 40, true, false},
		{"what flickers beside a face", .5, 60, 40, true, true}, {"a shawl beside a face", .5, 120, 40, false, true},
	} {
		a := &Assured{frames: 50, bounds: frame.Rect{X1: 640, Y1: 360}}
		for _, i := range []int64{20, tc.again} {
			a.suspect(i, detector.Detection{Box: frame.Rect{X0: 100, Y0: 100, X1: 100 + tc.side, Y1: 100 + tc.side}, Score: tc.score}, n%2 == 0)
		}
		l := &decisions.List{}
		if tc.worn {
			l.Tracks = []decisions.Track{{ID: 1, Action: decisions.Replace, Faces: []decisions.Face{face(20, 400, 200, true), face(40, 400, 200, true)}}}
		}
		f := a.open(l)
		want := finds{doubtful: f.doubtful}
		if all := append(f.lasting, f.brief...); tc.covered && n%2 == 0 {
			want.lasting = all
		} else if tc.covered {
			want.brief = all
		}
		if len(f.lasting) != len(want.lasting) || len(f.brief) != len(want.brief) || len(f.lasting)+len(f.brief)+len(f.doubtful) != 2 {
			t.Errorf("%s: %d to be covered, %d of them briefly, %d in doubt", tc.name, len(f.lasting)+len(f.brief), len(f.brief), len(f.doubtful))
		}
	}
}
