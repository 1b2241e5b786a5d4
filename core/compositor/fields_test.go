package compositor

import (
	"bytes"
	"errors"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
)

// TestFields: each field of an interlaced picture shows the surrogate where it is at that field's time, as if both were.
func TestFields(t *testing.T) {
	for _, l := range layouts {
		for _, order := range []frame.FieldOrder{frame.TopFirst, frame.BottomFirst} {
			before := newPicture(l, 97, 83, 5)
			before.Fields = order
			early, late := placed(newPatch(64), 40, 41, 60, 0), placed(newPatch(64), 47, 38, 62, 8)
			for _, s := range []*Surrogate{&early, &late} {
				s.Grow, s.Tone, s.Seed = 1.05, Tone{Luma: 30, Grain: 5}, 3
			}
			both := early
			both.Later = &Moment{late.Placement, late.Oval}
			got, first, second := clone(before), clone(before), clone(before)
			res, err := New().Compose(got, both)
			if err != nil {
				t.Fatal(err)
			}
			for p, s := range map[*frame.Picture]Surrogate{first: early, second: late} {
				one, err := New().Compose(p, s)
				if err != nil {
					t.Fatal(err)
				}
				if res.Box.Union(one.Box) != res.Box || res.Core.Union(one.Core) != res.Core {
					t.Errorf("%s: box %v and core %v do not hold %v and %v", l.Name, res.Box, res.Core, one.Box, one.Core)
				}
			}
			if order == frame.BottomFirst {
				first, second = second, first
			}
			differ := 0
			eachSample(got, func(i, x, y int, _ frame.Rect) {
				want, other := get(first, i, x, y), get(second, i, x, y)
				if y%2 == 1 {
					want, other = other, want
				}
				if v := get(got, i, x, y); v != want {
					t.Fatalf("%s, order %v: component %d at %d,%d is %d, want %d", l.Name, order, i, x, y, v, want)
				}
				if want != other {
					differ++
				}
			})
			if differ < 100 {
				t.Errorf("%s: the fields differ in %d samples", l.Name, differ)
			}
			got.Fields = frame.Progressive
			if _, err := New().Compose(got, both); err != nil {
				t.Error(err)
			}
		}
	}
	bad := placed(newPatch(64), 40, 41, 60, 0)
	bad.Later = &Moment{Oval: bad.Oval}
	p := newPicture(frame.I420, 97, 83, 5)
	p.Fields = frame.TopFirst
	q := clone(p)
	if _, err := New().Compose(p, bad); !errors.Is(err, ErrPlacement) || !bytes.Equal(p.Planes[0].Data, q.Planes[0].Data) {
		t.Errorf("a second field without a placement: %v", err)
	}
}
