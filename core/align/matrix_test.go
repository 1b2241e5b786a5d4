package align

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
)

func near(a, b Matrix) bool {
	for i := range a {
		if math.Abs(a[i]-b[i]) > 1e-9*(1+math.Abs(b[i])) {
			return false
		}
	}
	return true
}

func TestSimilarityRecoversTheTransform(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		want := rotation(r.Float64()*6-3, .1+r.Float64()*9, r.NormFloat64()*100, r.NormFloat64()*100)
		var from, to []frame.Point
		for range 2 + r.IntN(6) {
			p := frame.Point{X: r.NormFloat64() * 50, Y: r.NormFloat64() * 50}
			from, to = append(from, p), append(to, want.Apply(p))
		}
		got, err := Similarity(from, to)
		if err != nil || !near(got, want) {
			t.Fatalf("got %v (%v), want %v", got, err, want)
		}
	}
}

// No small change of the result may come closer to the points: the definition of least squares.
func TestSimilarityIsLeastSquares(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	var from, to []frame.Point
	for range 9 {
		from = append(from, frame.Point{X: r.NormFloat64(), Y: r.NormFloat64()})
		to = append(to, frame.Point{X: r.NormFloat64(), Y: r.NormFloat64()})
	}
	cost := func(m Matrix) (s float64) {
		for i, p := range from {
			q := m.Apply(p)
			s += (q.X-to[i].X)*(q.X-to[i].X) + (q.Y-to[i].Y)*(q.Y-to[i].Y)
		}
		return s
	}
	best, err := Similarity(from, to)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []Matrix{{1e-3, 0, 0, 0, 1e-3, 0}, {0, -1e-3, 0, 1e-3, 0, 0}, {0, 0, 1e-3, 0, 0, 0}, {0, 0, 0, 0, 0, 1e-3}} {
		for _, sign := range []float64{1, -1} {
			m := best
			for i := range m {
				m[i] += sign * d[i]
			}
			if cost(m) <= cost(best) {
				t.Errorf("moving by %v lowers the cost from %v to %v", d, cost(best), cost(m))
			}
		}
	}
}

func TestDegenerate(t *testing.T) {
	one := []frame.Point{{X: 1, Y: 2}, {X: 1, Y: 2}}
	nan := []frame.Point{{X: math.NaN(), Y: 2}, {X: 1, Y: 2}}
	two := []frame.Point{{X: 1, Y: 2}, {X: 3, Y: 2}}
	for name, c := range map[string][2][]frame.Point{
		"one place": {one, two}, "onto one place": {two, one}, "NaN": {nan, two}, "single": {two[:1], two[:1]}, "lengths": {two, two[:1]},
	} {
		if m, err := Similarity(c[0], c[1]); !errors.Is(err, ErrDegenerate) {
			t.Errorf("%s: got %v, %v; want ErrDegenerate", name, m, err)
		}
	}
}

func TestInvertAndMul(t *testing.T) {
	m := Matrix{2, .5, 7, -.3, 1.5, -4}
	inv, err := m.Invert()
	if err != nil || !near(m.Mul(inv), Identity) || !near(inv.Mul(m), Identity) {
		t.Fatalf("m·m⁻¹ = %v, m⁻¹·m = %v (%v)", m.Mul(inv), inv.Mul(m), err)
	}
	p := frame.Point{X: 3, Y: -2}
	if got, want := m.Mul(Shift(1, 2)).Apply(p), m.Apply(frame.Point{X: 4, Y: 0}); math.Hypot(got.X-want.X, got.Y-want.Y) > 1e-9 {
		t.Fatalf("Mul applies in the wrong order: got %v, want %v", got, want)
	}
}

func TestPlacementRoundTrip(t *testing.T) {
	p := Placement{X: 120, Y: 80, Scale: 64, Roll: .4}
	m := p.Matrix()
	if q := PlacementOf(m); math.Abs(q.X-p.X)+math.Abs(q.Y-p.Y)+math.Abs(q.Scale-p.Scale)+math.Abs(q.Roll-p.Roll) > 1e-9 {
		t.Fatalf("got %+v, want %+v", q, p)
	}
	// A positive roll turns the patch's right edge down on the screen.
	if r := m.Apply(frame.Point{X: 1, Y: .5}); r.Y <= p.Y {
		t.Fatalf("right edge of %+v lies at %v", p, r)
	}
	for _, bad := range []Placement{{Scale: 0}, {Scale: -1}, {X: math.NaN(), Scale: 1}, {Scale: math.Inf(1)}} {
		if bad.Finite() {
			t.Errorf("%+v counts as finite", bad)
		}
	}
}

func TestFit(t *testing.T) {
	for _, tc := range []struct {
		w, h, side int
		enlarge    float64
		iw, ih     int
	}{
		{1280, 720, 640, 1, 640, 384}, {1920, 1080, 640, 1, 640, 384}, {640, 480, 1280, 1, 640, 480}, {640, 480, 1280, 2, 1280, 960}, {1080, 1920, 640, 1, 384, 640}, {3, 2000, 640, 1, 32, 640}, {1, 1, 640, 1, 32, 32},
	} {
		w, h, m := Fit(tc.w, tc.h, tc.side, tc.enlarge)
		if w != tc.iw || h != tc.ih {
			t.Errorf("%dx%d at %d: got %dx%d, want %dx%d", tc.w, tc.h, tc.side, w, h, tc.iw, tc.ih)
		}
		if end := m.Apply(frame.Point{X: float64(w), Y: float64(h)}); end.X < float64(tc.w)-1e-9 || end.Y < float64(tc.h)-1e-9 {
			t.Errorf("%dx%d at %d: the input ends at %v, before the picture does", tc.w, tc.h, tc.side, end)
		}
	}
}
