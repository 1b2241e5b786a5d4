package pipeline

import (
	"testing"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/decisions"
)

// The side of a surrogate follows the face's size and stands still: in a file for the whole track, live but for one growth.
func TestSides(t *testing.T) {
	face := func(scale float64) decisions.Face { return decisions.Face{Place: &align.Placement{Scale: scale}} }
	for _, tc := range []struct {
		name   string
		live   bool
		detail string
		scales []float64
		want   []int
	}{
		{"small", false, DetailFull, []float64{60, 128, 144}, []int{128, 128, 128}},
		{"once large", false, DetailFull, []float64{60, 145, 100}, []int{256, 256, 256}},
		{"live, small", true, DetailFull, []float64{60, 128, 144}, []int{128, 128, 128}},
		{"live, around the limit", true, DetailFull, []float64{143, 146, 143, 178, 143}, []int{128, 128, 128, 128, 128}},
		{"live, grows", true, DetailFull, []float64{100, 180, 100, 60}, []int{128, 256, 256, 256}},
		{"live, fast", true, DetailFast, []float64{300, 399, 495, 399}, []int{128, 128, 128, 128}},
		{"live, fast, large", true, DetailFast, []float64{401, 300}, []int{256, 256}},
		{"live, fast, grows", true, DetailFast, []float64{300, 497, 300}, []int{128, 256, 256}},
		{"live, shrinks", true, DetailFull, []float64{200, 100, 20}, []int{256, 256, 256}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, track := newSides(tc.detail), &decisions.Track{ID: 3}
			for _, scale := range tc.scales {
				if !tc.live {
					track.Faces = append(track.Faces, face(scale), decisions.Face{})
				}
			}
			for i, scale := range tc.scales {
				f := face(scale)
				if got := s.of(decisions.Job{Track: track, Face: &f}); got != tc.want[i] {
					t.Errorf("face %d of %v px: %d texels, want %d", i, scale, got, tc.want[i])
				}
			}
		})
	}
}
