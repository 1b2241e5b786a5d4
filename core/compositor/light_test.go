package compositor

import (
	"math"
	"testing"

	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/frame"
)

// lit paints neck and breast brighter by a factor on the right half, the face being at (100, 70).
func lit(neck, breast float64) *frame.Picture {
	p := frame.New(frame.Y444, 200, 200)
	for y := range 200 {
		for x := range 200 {
			luma, cb, cr, k := 60., 128., 128., breast
			if y < 130 {
				cb, cr, k = 112, 150, neck
			}
			if x >= 100 {
				luma = 16 + (luma-16)*k
			}
			for i, v := range [3]float64{luma, cb, cr} {
				p.Planes[i].Data[y*200+x] = byte(math.Round(v))
			}
		}
	}
	return p
}

// TestLight: only where neck and clothes agree does light come from a side.
func TestLight(t *testing.T) {
	oval := placed(newPatch(64), 100, 70, 100, 0).Oval
	for _, tc := range []struct {
		name         string
		neck, breast float64
		want         int8
	}{
		{"even", 1, 1, 0}, {"a shadow on the neck", 1.8, 1, 0}, {"a jacket of two colours", 1, 2.5, 0}, {"they disagree", 1.8, .5, 0},
		{"from the right", 1.7, 1.6, 1}, {"from the left", .6, .55, -1}, {"hard, from the right", 2.6, 2.8, 2}, {"weak", 1.2, 1.2, 0},
	} {
		m, err := MeasureTone(lit(tc.neck, tc.breast), oval, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := Light([]Surround{m, m, m}); got != (appearance.Light{Azimuth: tc.want}) {
			t.Errorf("%s: %+v of %+v", tc.name, got, m)
		}
		if got := Light([]Surround{m}); got != (appearance.Light{}) {
			t.Errorf("%s: one look is believed: %+v", tc.name, got)
		}
		if got := Light([]Surround{m.Turned(45), m.Turned(-45), m.Turned(math.NaN()), m.Turned(30)}); got != (appearance.Light{}) {
			t.Errorf("%s: a face in profile tells the light: %+v", tc.name, got)
		}
	}
	right, _ := MeasureTone(lit(2.6, 2.8), oval, 0, nil)
	left, _ := MeasureTone(lit(.4, .4), oval, 0, nil)
	if got := Light([]Surround{right, left, right, left}); got != (appearance.Light{}) {
		t.Errorf("looks that disagree give %+v", got)
	}
	bad := Surround{Seen: 1, Side: math.NaN(), Sides: 1}
	if got := Light([]Surround{bad, bad, {Seen: 1, Side: math.Inf(1), Sides: 1}}); got != (appearance.Light{}) {
		t.Errorf("NaN gives %+v", got)
	}
}
