package detector

import (
	"context"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
)

// A picture that two looks would show alike is looked at once; a larger one twice.
func TestLooksThatAreAlike(t *testing.T) {
	runs := 0
	d := detector(t, centerFaceFake(func(func(string) []float32) { runs++ }), Config{Looks: []Look{{Side: 64}, {Side: 128}, {Side: 64, Turn: 2}}})
	for _, tc := range []struct{ w, h, want int }{{64, 32, 2}, {128, 64, 3}} {
		runs = 0
		if _, err := d.Detect(context.Background(), frame.New(frame.I420, tc.w, tc.h)); err != nil || runs != tc.want {
			t.Errorf("%dx%d: %d runs, want %d (%v)", tc.w, tc.h, runs, tc.want, err)
		}
	}
}
