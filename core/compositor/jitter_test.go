package compositor

import (
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
)

// TestJitter: a placement that trembles by a tenth of a pixel moves the picture by no more than that, and a slow pan is smooth: no
// sample jumps from one step to the next.
func TestJitter(t *testing.T) {
	patch := newPatch(128)
	paint := func(dx, dy float64) *frame.Picture {
		p := frame.New(frame.I420, 200, 200)
		for i := range p.Planes[0].Data {
			p.Planes[0].Data[i] = 100
		}
		s := placed(patch, 100+dx, 100+dy, 110, 3)
		s.Tone = Tone{Luma: 30, Cb: -3, Cr: 4, Skin: 3}
		fit, err := Fit(s)
		if err != nil {
			t.Fatal(err)
		}
		s.Grow = fit
		if _, err := New().Compose(p, s); err != nil {
			t.Fatal(err)
		}
		return p
	}
	worst := func(a, b *frame.Picture) (worst int) {
		for i, v := range a.Planes[0].Data {
			worst = max(worst, int(v)-int(b.Planes[0].Data[i]), int(b.Planes[0].Data[i])-int(v))
		}
		return worst
	}
	still, whole := paint(0, 0), 0
	for k := range 10 {
		a, b := paint(float64(k)/10, 0), paint(float64(k+1)/10, .05)
		whole = worst(still, b)
		if d := worst(a, b); d > 16 {
			t.Errorf("a step of a tenth of a pixel at %d/10 changes a sample by %d", k, d)
		}
	}
	if whole < 40 {
		t.Errorf("a whole pixel changes samples by %d: the test sees little", whole)
	}
}
