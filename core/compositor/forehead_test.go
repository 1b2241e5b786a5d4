package compositor

import (
	"math"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
)

// TestForehead: a strip of forehead above the core tells how bright a face is whose neck is in shade, and its hue a little; dark hair
// there changes nothing, and a wall as bright behind it is no forehead.
func TestForehead(t *testing.T) {
	wall, neck := [3]int{150, 126, 126}, [3]int{110, 112, 150}
	oval := placed(newPatch(64), 100, 90, 100, 0).Oval
	measure := func(wall, strip [3]int) Surround {
		p := portrait(wall, neck)
		paint(p, strip, 70, 40, 130, 90)
		m, err := MeasureTone(p, oval, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	code := func(m Surround) float64 { return 16 + 219*m.Luma }
	none := measure(wall, [3]int{30, 128, 128})
	if hair := measure(wall, [3]int{60, 120, 136}); math.Abs(hair.Luma-none.Luma) > .02 {
		t.Errorf("dark hair: luma %.0f, without %.0f", code(hair), code(none))
	}
	lit := measure(wall, [3]int{170, 112, 142})
	if v := code(lit); v < 150 || v > 175 {
		t.Errorf("a forehead of 170 over a neck of 110 gives %.0f, %.0f without it", v, code(none))
	}
	if d := none.Cr - lit.Cr; d < .005 || d > .02 {
		t.Errorf("a forehead less red than the neck by %.3f takes %.3f of Cr", 8./224, d)
	}
	same := measure([3]int{170, 112, 142}, [3]int{170, 112, 142})
	if bare := code(same); bare > 150 {
		t.Errorf("a wall of skin's colour is taken for a forehead: %.0f", bare)
	}
}

// TestDarkSuit: dark clothes and a dark curtain do not darken a face whose skin is in view.
func TestDarkSuit(t *testing.T) {
	p := portrait([3]int{90, 128, 128}, [3]int{150, 112, 146})
	paint(p, [3]int{20, 128, 128}, 0, 150, 200, 200)
	m, err := MeasureTone(p, placed(newPatch(64), 100, 90, 100, 0).Oval, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if v := 16 + 219*m.Luma; v < 140 || v > 160 {
		t.Errorf("skin of 150 over a suit of 20 gives %.0f", v)
	}
}

// paint fills a box of a picture of portrait's.
func paint(p *frame.Picture, c [3]int, x0, y0, x1, y1 int) {
	for i := range 3 {
		for y := y0; y < y1; y++ {
			for x := x0; x < x1; x++ {
				p.Planes[i].Data[y*p.W+x] = byte(c[i])
			}
		}
	}
}
