package tracker

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
)

// best is the cheapest assignment of rows r.. by trying all.
func best(cost []float64, rows, cols, r int, used uint, limit float64) float64 {
	if r == rows {
		return 0
	}
	least := limit + best(cost, rows, cols, r+1, used, limit)
	for c := range cols {
		if v := cost[r*cols+c]; used&(1<<c) == 0 && v < limit {
			least = min(least, v+best(cost, rows, cols, r+1, used|1<<c, limit))
		}
	}
	return least
}

func TestSolveAgainstAllAssignments(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var a assigner
	for n := range 3000 {
		rows, cols := r.IntN(6), r.IntN(7)
		cost, pick := make([]float64, rows*cols), make([]int, rows)
		for i := range cost {
			cost[i] = r.Float64()
			if r.IntN(3) == 0 {
				cost[i] = forbidden
			} else if r.IntN(3) == 0 {
				cost[i] = 0.25 // ties
			}
		}
		limit := 0.3 + r.Float64()
		a.solve(cost, rows, cols, limit, pick)
		sum, used := 0.0, map[int]bool{}
		for i, c := range pick {
			if c < 0 {
				sum += limit
				continue
			}
			if used[c] || math.IsInf(cost[i*cols+c], 1) {
				t.Fatalf("case %d: column %d used twice or forbidden: %v", n, c, pick)
			}
			used[c] = true
			sum += cost[i*cols+c]
		}
		if want := best(cost, rows, cols, 0, 0, limit); math.Abs(sum-want) > 1e-6 {
			t.Fatalf("case %d: %dx%d, limit %v, costs %v: %v costs %v, want %v", n, rows, cols, limit, cost, pick, sum, want)
		}
	}
}

func TestKalmanStepsAdd(t *testing.T) {
	a := newMotion(square(100, 100, 50), 0.9)
	a[0].v, a[1].v = 3, -2
	b := a
	a[0].predict(7, 0.4)
	for range 7 {
		b[0].predict(1, 0.4)
	}
	for _, p := range [][2]float64{{a[0].p, b[0].p}, {a[0].pp, b[0].pp}, {a[0].pv, b[0].pv}, {a[0].vv, b[0].vv}} {
		if math.Abs(p[0]-p[1]) > 1e-9*math.Abs(p[0]) {
			t.Errorf("one step of 7 gives %v, seven of 1 give %v", a[0], b[0])
		}
	}
}

func TestKalmanLearnsVelocity(t *testing.T) {
	m := newMotion(square(100, 100, 50), 0.9)
	for i := 1; i <= 30; i++ {
		m.predict(1)
		m.update(square(100+4*float64(i), 100-2*float64(i), 50), 0.9)
	}
	if math.Abs(m[0].v-4) > 0.05 || math.Abs(m[1].v+2) > 0.05 {
		t.Errorf("velocity %.3f, %.3f after 30 frames of 4, -2", m[0].v, m[1].v)
	}
	for i := range m {
		if a := m[i]; !(a.pp > 0 && a.vv > 0 && a.pp*a.vv > a.pv*a.pv) {
			t.Errorf("covariance of axis %d is not positive: %+v", i, a)
		}
	}
}

// TestSmoothingHasNoLag: on noisy boxes of a face that speeds up, the smoothed path is nearer to the truth than the boxes
// themselves, and its error has no mean.
func TestSmoothingHasNoLag(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	truth := func(i int) frame.Rect { return square(100+3*float64(i)+0.05*float64(i*i), 300, 100) }
	s := make([]sample, 100)
	for i := range s {
		b := truth(i)
		n, m := 5*r.NormFloat64(), 5*r.NormFloat64()
		s[i].obs = &Observation{Score: 0.9, Box: shift(b, frame.Point{X: n, Y: m})}
	}
	smooth(s)
	var raw, smoothed, bias float64
	for i := range s {
		want := truth(i).Center().X
		raw += math.Pow(s[i].obs.Box.Center().X-want, 2)
		d := s[i].m.box().Center().X - want
		smoothed += d * d
		bias += d
	}
	n := float64(len(s))
	if smoothed > raw/2 || math.Abs(bias/n) > 1 {
		t.Errorf("mean square error %.2f px² smoothed, %.2f raw; bias %.2f px", smoothed/n, raw/n, bias/n)
	}
}
