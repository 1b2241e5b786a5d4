package landmark

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
)

// Each look of the network errs by its own amount; a steady one errs by their mean.
func TestSteadyIsTheMeanOfItsLooks(t *testing.T) {
	truth := posed(head(t), 0, 0, 0, 170, 160, 120)
	at := truth.region()
	looks := 0
	errs := []float32{12, -7, 4, -9}
	a := analyzer(t, meshFake(func(data func(string) []float32) {
		inv, err := at.beside(looks + 1).crop().Invert()
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range truth.Points {
			q := inv.Apply(frame.Point{X: float64(p[0]) - .5, Y: float64(p[1]) - .5})
			copy(data("landmarks")[3*i:], []float32{float32(q.X), float32(q.Y), p[2] * crop / float32(at.beside(looks+1).side)})
		}
		data("landmarks")[1] += errs[looks] // upper lip's outer edge
		data("presence")[0] = .5
		looks++
	}), regressorFake(func(func(string) []float32) {}))
	truth.Presence = 1
	r, err := a.Steady(context.Background(), frame.New(frame.I420, 320, 240), &truth, len(errs))
	if err != nil || looks != len(errs) {
		t.Fatalf("%v after %d looks, want %d", err, looks, len(errs))
	}
	if math.Abs(r.Presence-.6) > 1e-6 {
		t.Errorf("presence %v, want the mean .6", r.Presence)
	}
	worst := 0.
	for i := 1; i < Points; i++ {
		for axis := range 3 {
			worst = max(worst, math.Abs(float64(r.Mesh.Points[i][axis]-truth.Points[i][axis])))
		}
	}
	if worst > .01 {
		t.Errorf("points that every look sees alike are moved by up to %v px", worst)
	}
	if d := math.Abs(float64(r.Mesh.Points[0][1] - truth.Points[0][1])); d > .5 { // errors add up to 0, in crops of nearly one size
		t.Errorf("a point whose errors cancel is moved by %v px", d)
	}
	if r, err := a.Steady(context.Background(), frame.New(frame.I420, 320, 240), &truth, 0); err != nil || r.Mesh != truth {
		t.Errorf("no more looks: %v, another mesh %v", err, r.Mesh != truth)
	}
}

func TestSteadyFailsClosed(t *testing.T) {
	mesh := answer(t)
	looks := 0
	a := analyzer(t, meshFake(func(data func(string) []float32) {
		mesh(data)
		if looks++; looks == 2 {
			data("landmarks")[7] = float32(math.NaN())
		}
	}), regressorFake(func(func(string) []float32) {}))
	m := posed(head(t), 0, 0, 0, 170, 160, 120)
	if _, err := a.Steady(context.Background(), frame.New(frame.I420, 320, 240), &m, 3); !errors.Is(err, ErrOutput) {
		t.Errorf("%v, want ErrOutput", err)
	}
}
