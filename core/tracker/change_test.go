package tracker

import (
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
)

func TestSceneChanges(t *testing.T) {
	const w, h = 1280, 720 // a cell is 20 px
	gray := func() *frame.Picture {
		p := frame.New(frame.I420, w, h)
		for i := range p.Planes[0].Data {
			p.Planes[0].Data[i] = 100
		}
		return p
	}
	lit := func(p *frame.Picture, x0, y0, x1, y1 int, v byte) *frame.Picture {
		for y := y0; y < y1; y++ {
			for x := x0; x < x1; x++ {
				p.Planes[0].Data[y*p.Planes[0].Stride+x] = v
			}
		}
		return p
	}
	for _, tc := range []struct {
		name    string
		now     *frame.Picture
		except  []frame.Rect
		changed bool
	}{
		{"the same", gray(), nil, false},
		{"noise of four levels", lit(gray(), 0, 0, w, h, 104), nil, false},
		{"one cell", lit(gray(), 640, 360, 660, 380, 110), nil, true},
		{"a fourth of a cell, as a face of 20 px has moved by 5", lit(gray(), 640, 360, 645, 380, 140), nil, true},
		{"a face that is known", lit(gray(), 620, 340, 680, 400, 160), []frame.Rect{{X0: 600, Y0: 320, X1: 700, Y1: 420}}, false},
		{"out of its place", lit(gray(), 620, 340, 720, 400, 160), []frame.Rect{{X0: 600, Y0: 320, X1: 700, Y1: 420}}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var d CutDetector
			var s Scene
			if d.Change(&s, w, h, nil).Empty() {
				t.Error("no picture was seen, and nothing changed")
			}
			if _, err := d.Next(gray()); err != nil {
				t.Fatal(err)
			}
			if d.Change(&s, w, h, nil).Empty() {
				t.Error("nothing was remembered, and nothing changed")
			}
			d.Remember(&s)
			if _, err := d.Next(tc.now); err != nil {
				t.Fatal(err)
			}
			if got := !d.Change(&s, w, h, tc.except).Empty(); got != tc.changed {
				t.Errorf("changed: %v, want %v", got, tc.changed)
			}
		})
	}
}
