package timecode

import (
	"errors"
	"testing"
)

var (
	pal    = Rate{25, 1}
	ntsc   = Rate{30000, 1001}
	ntsc60 = Rate{60000, 1001}
	film   = Rate{24000, 1001}
)

// The drop-frame values are those that SMPTE ST 12-1 is explained with: 00:00:59;29 is followed by 00:01:00;02, and an hour has 107892
// pictures.
func TestCount(t *testing.T) {
	for _, c := range []struct {
		text string
		rate Rate
		want int64
	}{
		{"00:00:00:00", pal, 0}, {"00:00:01:00", pal, 25}, {"10:00:00:00", pal, 900000}, {"01:00:00:00", film, 86400},
		{"00:00:59;29", ntsc, 1799}, {"00:01:00;02", ntsc, 1800}, {"00:10:00;00", ntsc, 17982}, {"01:00:00;00", ntsc, 107892}, {"01;00;00;00", ntsc, 107892},
		{"01:00:00:00", ntsc, 108000}, {"00:01:00;04", ntsc60, 3600}, {"01:00:00;00", ntsc60, 215784},
	} {
		code, err := Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := code.Count(c.rate); err != nil || n != c.want {
			t.Errorf("%s at %v: %d, %v, want %d", c.text, c.rate, n, err, c.want)
		}
	}
}

// Every number of a day has one timecode, and back.
func TestAtIsTheInverse(t *testing.T) {
	for _, r := range []Rate{pal, ntsc, ntsc60, film, {50, 1}} {
		for _, drop := range []bool{false, true} {
			for n := int64(0); n < 24*3600*r.nominal()-24*6*9*r.dropped(); n += 17 {
				code := At(n, r, drop)
				if code.Drop != (drop && r.dropped() > 0) {
					t.Fatalf("%v at %v: drop-frame is %v", code, r, code.Drop)
				}
				if got, err := code.Count(r); err != nil || got != n {
					t.Fatalf("%d at %v is %v, which is %d, %v", n, r, code, got, err)
				}
			}
		}
		if got := At(-1, r, false); got.Hours != 23 || got.Frames != r.nominal()-1 {
			t.Errorf("before midnight: %v", got)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, text := range []string{"", "1", "00:00:00", "00:00:00.10", "24:00:00:00", "00:60:00:00", "00:00:60:00", "00:00:00:", "-1:00:00:00", "00:00:00:1000", "0 :00:00:00", "000:00:00:00"} {
		if c, err := Parse(text); !errors.Is(err, ErrTimecode) {
			t.Errorf("%q is %v, %v", text, c, err)
		}
	}
	for _, c := range []struct {
		code Code
		rate Rate
	}{{Code{Frames: 25}, pal}, {Code{Drop: true}, pal}, {Code{Minutes: 1, Drop: true}, ntsc}, {Code{Minutes: 1, Frames: 3, Drop: true}, ntsc60}, {Code{}, Rate{}}} {
		if n, err := c.code.Count(c.rate); !errors.Is(err, ErrTimecode) {
			t.Errorf("%v at %v is %d, %v", c.code, c.rate, n, err)
		}
	}
	for _, text := range []string{"", "0", "25/0", "x", "1/25", "30000/1001/1", "99999999999999999999"} {
		if r, err := ParseRate(text); !errors.Is(err, ErrTimecode) {
			t.Errorf("rate %q is %v, %v", text, r, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("01:00:00;02", int64(30000), int64(1001))
	f.Add("23:59:59:24", int64(25), int64(1))
	f.Fuzz(func(t *testing.T, text string, num, den int64) {
		c, err := Parse(text)
		r := Rate{num, den}
		if err != nil || !r.Known() {
			return
		}
		n, err := c.Count(r)
		if err != nil {
			return
		}
		if back := At(n, r, c.Drop); back != c {
			t.Errorf("%v at %v is %d, which is %v", c, r, n, back)
		}
	})
}
