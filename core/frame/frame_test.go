package frame

import (
	"errors"
	"math"
	"testing"
)

func TestRect(t *testing.T) {
	a, b := Rect{0, 0, 10, 20}, Rect{5, 10, 15, 30}
	if got := a.Intersect(b); got != (Rect{5, 10, 10, 20}) {
		t.Errorf("intersect %v", got)
	}
	if got := a.Union(b); got != (Rect{0, 0, 15, 30}) {
		t.Errorf("union %v", got)
	}
	if got, want := a.IoU(b), 50.0/(200+200-50); math.Abs(got-want) > 1e-12 {
		t.Errorf("IoU %v, want %v", got, want)
	}
	if got := a.IoU(Rect{50, 50, 60, 60}); got != 0 {
		t.Errorf("disjoint IoU %v", got)
	}
	if !(Rect{0, 0, math.NaN(), 5}).Empty() || !(Rect{3, 0, 3, 5}).Empty() || a.Empty() {
		t.Error("Empty")
	}
	if got := (Rect{}).Union(a); got != a {
		t.Errorf("union with empty %v", got)
	}
	if got := a.Grow(.5, 0); got != (Rect{-5, 0, 15, 20}) {
		t.Errorf("grow %v", got)
	}
}

func TestNewPicturesAreValid(t *testing.T) {
	for _, l := range []*Layout{I420, Y42B, Y444, NV12, P010, RGB24, RGBA, Gray8, Planar("I422_10LE", 10, 1, 0)} {
		for _, s := range [][2]int{{16, 16}, {321, 241}, {1, 1}} {
			p := New(l, s[0], s[1])
			if err := p.Validate(); err != nil {
				t.Errorf("%s %v: %v", l.Name, s, err)
			}
			last := &p.Planes[len(p.Planes)-1]
			last.Data = last.Data[:len(last.Data)-1]
			if err := p.Validate(); !errors.Is(err, ErrLayout) {
				t.Errorf("%s %v: a plane that is one byte short passed: %v", l.Name, s, err)
			}
		}
	}
}

func TestSizesRoundUp(t *testing.T) {
	p := New(I420, 321, 241)
	if w, h := p.Size(1); w != 161 || h != 121 {
		t.Errorf("chroma %dx%d, want 161x121", w, h)
	}
	if n := P010.Components[1].Bytes(); n != 2 {
		t.Errorf("P010 sample of %d bytes", n)
	}
}
