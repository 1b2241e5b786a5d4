package pipeline

import "testing"

// Small faces are looked at again, and the mean of all looks is what their surrogates follow; in company there are fewer looks, and in a
// crowd none.
func TestSmallFacesAreLookedAtAgain(t *testing.T) {
	crowd := make([]actor, 6)
	for i := range crowd {
		crowd[i] = actor{who: i, x: 60 + 100*float64(i%3), y: 60 + 100*float64(i/3), last: 9}
	}
	for _, tc := range []struct {
		name  string
		faces int
		want  int // more looks in ten pictures
	}{{"one", 1, 20}, {"two", 2, 40}, {"four", 4, 8 + 9*4}, {"six", 6, 12}} {
		t.Run(tc.name, func(t *testing.T) {
			s := newStage(crowd[:tc.faces]...)
			l := (&followed{stage: s}).list(t, 10)
			if s.steadied != tc.want {
				t.Errorf("%d more looks, want %d", s.steadied, tc.want)
			}
			if p := l.Tracks[0].Faces[9].Look.Pitch; (p != 0) != (tc.faces < 6) {
				t.Errorf("pitch %d: what several looks saw is .5", p)
			}
		})
	}
}
