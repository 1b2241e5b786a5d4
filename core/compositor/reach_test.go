package compositor

import (
	"bytes"
	"errors"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
)

// Compose changes nothing, and reads nothing, out of reach, in every layout, in both fields, with and without a halo.
func TestReach(t *testing.T) {
	patch := newPatch(64)
	for _, l := range layouts {
		for _, fields := range []frame.FieldOrder{frame.Progressive, frame.TopFirst} {
			for _, halo := range []bool{false, true} {
				pic := newPicture(l, 193, 161, 3)
				pic.Fields = fields
				s := placed(patch, 90, 80, 70, 20)
				s.Halo = halo
				if later := placed(patch, 97, 84, 70, 20); fields != frame.Progressive {
					s.Later = &Moment{later.Placement, later.Oval}
				}
				r, err := Reach(pic, s)
				if err != nil {
					t.Fatal(err)
				}
				other := newPicture(l, 193, 161, 4) // the same within reach, other noise beyond
				other.Fields = fields
				within := func(px frame.Rect) bool { return !px.Intersect(r).Empty() }
				eachSample(other, func(i, x, y int, px frame.Rect) {
					if within(px) {
						setSample(&other.Planes[l.Components[i].Plane], l.Components[i], x, y, get(pic, i, x, y))
					}
				})
				before := clone(other)
				for _, p := range []*frame.Picture{pic, other} {
					if _, err := New().Compose(p, s); err != nil {
						t.Fatal(err)
					}
				}
				eachSample(other, func(i, x, y int, px frame.Rect) {
					if want := get(before, i, x, y); !within(px) && get(other, i, x, y) != want {
						t.Fatalf("%s: component %d at %d,%d is beyond %v and changed", l.Name, i, x, y, r)
					}
					if within(px) && get(other, i, x, y) != get(pic, i, x, y) {
						t.Fatalf("%s: component %d at %d,%d hangs on what lies beyond %v", l.Name, i, x, y, r)
					}
				})
				if bytes.Equal(before.Planes[0].Data, other.Planes[0].Data) {
					t.Fatalf("%s: nothing was painted", l.Name)
				}
			}
		}
	}
	if _, err := Reach(newPicture(frame.I420, 32, 32, 1), Surrogate{}); !errors.Is(err, ErrOval) {
		t.Errorf("no oval: %v, want ErrOval", err)
	}
}
