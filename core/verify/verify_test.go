package verify

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/detector"
	"github.com/ksamenet/ksamenet/core/frame"
)

type eyes struct {
	boxes []frame.Rect
	err   error
}

func (e eyes) Detect(context.Context, *frame.Picture) (ds []detector.Detection, err error) {
	for _, b := range e.boxes {
		ds = append(ds, detector.Detection{Box: b, Score: .8})
	}
	return ds, e.err
}

func square(x, y, side float64) frame.Rect {
	return frame.Rect{X0: x, Y0: y, X1: x + side, Y1: y + side}
}

func cover(b frame.Rect) decisions.Job {
	return decisions.Job{Track: &decisions.Track{ID: 1}, Face: &decisions.Face{Box: [4]float64{b.X0, b.Y0, b.X1, b.Y1}}, Action: decisions.Cover}
}

func keep(track int, b frame.Rect) decisions.Job {
	j := cover(b)
	j.Track, j.Action = &decisions.Track{ID: track}, decisions.Keep
	return j
}

// surrogate is the job of an elliptic surrogate in b.
func surrogate(b frame.Rect) decisions.Job {
	j := cover(b)
	j.Action = decisions.Replace
	c := b.Center()
	for i := range 24 {
		s, k := math.Sincos(float64(i) * math.Pi / 12)
		j.Face.Oval = append(j.Face.Oval, [2]float64{c.X + k*b.W()/2, c.Y + s*b.H()/2})
	}
	return j
}

func TestWatcher(t *testing.T) {
	face := square(100, 100, 50)
	for _, tc := range []struct {
		name    string
		jobs    []decisions.Job
		least   float64
		exposed bool
	}{
		{"nothing hides it", nil, 0, true},
		{"a cover", []decisions.Job{cover(face)}, 0, false},
		{"a surrogate", []decisions.Job{surrogate(face)}, 0, false},
		{"a kept face", []decisions.Job{keep(1, face)}, 0, false},
		{"a large kept face around it", []decisions.Job{keep(1, square(60, 60, 130))}, 0, true},
		{"a zone that is kept", []decisions.Job{keep(-1, square(60, 60, 130))}, 0, false},
		{"a cover beside it", []decisions.Job{cover(square(151, 100, 50))}, 0, true},
		{"half of it behind a neighbour", []decisions.Job{surrogate(square(125, 90, 70))}, 0, true},
		{"two covers that share it", []decisions.Job{cover(square(90, 90, 36)), cover(square(126, 90, 60)), cover(square(90, 126, 36)), cover(square(126, 126, 36))}, 0, false},
		{"a surrogate around its corner", []decisions.Job{surrogate(square(50, 50, 72))}, 0, true},
		{"smaller than asked for", nil, 51, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, err := NewWatcher(tc.least, eyes{boxes: []frame.Rect{face}}, eyes{boxes: []frame.Rect{square(102, 99, 50)}})
			if err != nil {
				t.Fatal(err)
			}
			pic := frame.New(frame.I420, 320, 240)
			pic.Index = 7
			found, err := w.Picture(context.Background(), pic, Regions(tc.jobs))
			if err != nil || len(found) > 1 || (len(found) == 1) != tc.exposed {
				t.Errorf("%+v %v, want exposed %v", found, err, tc.exposed)
			}
			if len(found) == 1 && found[0].Frame != 7 {
				t.Errorf("%+v", found)
			}
		})
	}
}

// A picture that could not be examined is no picture without faces.
func TestWatcherFailsClosed(t *testing.T) {
	if _, err := NewWatcher(0); err == nil {
		t.Error("a watch without a detector")
	}
	broken := errors.New("broken")
	w, err := NewWatcher(0, eyes{err: broken})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Picture(context.Background(), frame.New(frame.I420, 32, 32), nil); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

// At the edge only what the picture shows of a face has to be hidden.
func TestHiddenAtTheEdge(t *testing.T) {
	w, err := NewWatcher(0, eyes{boxes: []frame.Rect{square(-30, 100, 50)}})
	if err != nil {
		t.Fatal(err)
	}
	found, err := w.Picture(context.Background(), frame.New(frame.I420, 320, 240), Regions([]decisions.Job{cover(frame.Rect{X1: 22, Y0: 95, Y1: 155})}))
	if err != nil || len(found) != 0 {
		t.Errorf("%+v %v", found, err)
	}
}

func TestExposed(t *testing.T) {
	for _, l := range []*frame.Layout{frame.I420, frame.Planar("I422_10LE", 10, 1, 0)} {
		r := rand.New(rand.NewPCG(1, 2))
		a, b := frame.New(l, 160, 120), frame.New(l, 160, 120)
		for i := range a.Planes[0].Data {
			a.Planes[0].Data[i] = byte(r.IntN(4))
		}
		set := func(p *frame.Picture, x, y, v int) {
			i := y*p.Planes[0].Stride + x*l.Components[0].Bytes()
			if l.Components[0].Bytes() == 2 {
				v <<= 2
				p.Planes[0].Data[i+1] = byte(v >> 8)
			}
			p.Planes[0].Data[i] = byte(v)
		}
		for y := range 120 {
			for x := range 160 {
				v := 60 + 40*((x/8+y/8)%3)
				set(a, x, y, v)
				set(b, x, y, v+r.IntN(5)-2) // coding noise
			}
		}
		for y := 60; y < 110; y++ {
			for x := 100; x < 150; x++ {
				set(b, x, y, 56)
			}
		}
		for y := range 45 { // a cover of some other face, of a quarter of the picture
			for x := 60; x < 160; x++ {
				set(b, x, y, 250)
			}
		}
		for y := 70; y < 110; y++ { // a surrogate of much the same brightness
			for x := 10; x < 50; x++ {
				set(b, x, y, 60+40*((x/8+y/8)%3)+12)
			}
		}
		var la, lb Luma
		if err := errors.Join(la.Read(a), lb.Read(b)); err != nil {
			t.Fatal(err)
		}
		if Exposed(&la, &lb, square(10, 70, 40)) {
			t.Errorf("%s: a surrogate beside a large cover counts as exposed", l.Name)
		}
		if !Exposed(&la, &lb, square(10, 10, 40)) {
			t.Errorf("%s: a face that was left alone counts as hidden", l.Name)
		}
		if Exposed(&la, &lb, square(105, 65, 40)) {
			t.Errorf("%s: a face under a cover counts as exposed", l.Name)
		}
		small := frame.New(l, 80, 60)
		var ls Luma
		if err := ls.Read(small); err != nil || !Exposed(&la, &ls, square(105, 65, 40)) {
			t.Errorf("%s: pictures of different sizes hide nothing (%v)", l.Name, err)
		}
	}
}
