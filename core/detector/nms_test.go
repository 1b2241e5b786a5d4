package detector

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
)

func TestSuppress(t *testing.T) {
	at := func(x, score float64) Detection {
		return Detection{Box: frame.Rect{X0: x, Y0: 0, X1: x + 10, Y1: 10}, Score: score}
	}
	got := suppress([]Detection{at(0, .5), at(2, .9), at(4, .6), at(30, .4), at(9, .3), {Score: .99}}, .3)
	want := []Detection{at(2, .9), at(30, .4), at(9, .3)} // 2 beats 0 and 4; 9 overlaps 2 by 3 of 17
	if !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

// The order in which candidates arrive must not matter, ties in score included.
func TestSuppressIgnoresOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 200 {
		var d []Detection
		for range 12 {
			x, y := r.Float64()*20, r.Float64()*20
			d = append(d, Detection{Box: frame.Rect{X0: x, Y0: y, X1: x + 5 + 8*r.Float64(), Y1: y + 9}, Score: float64(r.IntN(4)) / 4})
		}
		want := slices.Clone(suppress(slices.Clone(d), .3))
		r.Shuffle(len(d), func(i, j int) { d[i], d[j] = d[j], d[i] })
		if got := suppress(d, .3); !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}
