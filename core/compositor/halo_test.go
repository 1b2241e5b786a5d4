package compositor

import (
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
)

// TestHalo: around the core stands a bright rim that fades out, and the core is the same with it.
func TestHalo(t *testing.T) {
	s := placed(newPatch(64), 100, 100, 100, 0)
	plain, halo := frame.New(frame.I420, 200, 200), frame.New(frame.I420, 200, 200)
	if _, err := New().Compose(plain, s); err != nil {
		t.Fatal(err)
	}
	s.Halo = true
	res, err := New().Compose(halo, s)
	if err != nil {
		t.Fatal(err)
	}
	o, _ := newOutline(s.Oval)
	for y := range 200 {
		for x := range 200 {
			if inCore(&o, x, y) && get(plain, 0, x, y) != get(halo, 0, x, y) {
				t.Fatalf("pixel %d,%d of the core is %d and %d", x, y, get(plain, 0, x, y), get(halo, 0, x, y))
			}
		}
	}
	bright, last := 0, 0
	for x := 100; x < int(res.Box.X1); x++ {
		last = get(halo, 0, x, 100)
		bright = max(bright, last)
	}
	if bright < 150 || last > 20 || res.Box.X1-o.box(0).X1 < .4*o.c0 {
		t.Errorf("the rim is %d at its brightest, %d at its end, %.1f px wide at a radius of %.1f", bright, last, res.Box.X1-o.box(0).X1, o.c0)
	}
}
