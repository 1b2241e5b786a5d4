package pipeline

import (
	"slices"
	"testing"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/registry"
	"github.com/ksamenet/ksamenet/core/tracker"
)

// A kept person's track is left clear only where their own face vouches for it on either side.
func TestKeptPartsAreVouchedFor(t *testing.T) {
	tx, err := newRegistry(t).Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	people := newStage().people
	mine, others := people[1], people[2]
	id, err := tx.Enrol(registry.Candidate{Embedding: mine, Quality: 1})
	if err != nil {
		t.Fatal(err)
	}
	const n = 60
	box := func(x float64) frame.Rect { return frame.Rect{X0: x, Y0: 100, X1: x + 40, Y1: 150} }
	for _, tc := range []struct {
		name   string
		proofs map[int][]float32
		near   [2]int // entries at which another face is beside
		want   []decisions.Span
	}{
		{"alone", map[int][]float32{5: mine, 15: mine, 50: mine}, [2]int{-1, -1}, nil},
		{"somebody else at the end", map[int][]float32{5: mine, 25: mine, 45: others}, [2]int{-1, -1}, []decisions.Span{{First: 26, Last: 59, Action: decisions.Replace}}},
		{"exchanged and back", map[int][]float32{5: mine, 15: others, 25: mine}, [2]int{-1, -1}, []decisions.Span{{First: 6, Last: 24, Action: decisions.Replace}}},
		{"company between two proofs near by", map[int][]float32{5: mine, 15: mine, 55: mine}, [2]int{8, 10}, nil},
		{"company over a long time without a proof", map[int][]float32{5: mine, 55: mine}, [2]int{30, 31}, []decisions.Span{{First: 6, Last: 54, Action: decisions.Replace}}},
		{"company after the last proof", map[int][]float32{5: mine, 40: mine}, [2]int{50, 59}, []decisions.Span{{First: 41, Last: 59, Action: decisions.Replace}}},
		{"company before the first proof", map[int][]float32{20: mine, 40: mine}, [2]int{0, 3}, []decisions.Span{{First: 0, Last: 19, Action: decisions.Replace}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := cast{}
			a, b := tracker.Tracklet{ID: 1}, tracker.Tracklet{ID: 2}
			for i := range n {
				a.Entries = append(a.Entries, tracker.Entry{Frame: int64(i), Box: box(100), Tag: i})
				var s sight
				if e := tc.proofs[i]; e != nil {
					s.view = &view{embedding: e, quality: 1}
				}
				c.sights = append(c.sights, &s)
				x := 400.
				if i >= tc.near[0] && i <= tc.near[1] {
					x = 150
				}
				b.Entries = append(b.Entries, tracker.Entry{Frame: int64(i), Box: box(x), Tag: -1})
			}
			c.tracklets = []tracker.Tracklet{a, b}
			vouched, err := c.vouched(tx, &group{person: id}, &a)
			if err != nil {
				t.Fatal(err)
			}
			if got := unvouched(&a, vouched); !slices.Equal(got, tc.want) {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
		})
	}
}
