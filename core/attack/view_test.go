package attack

import (
	"math"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/landmark"
)

// Nothing of the picture outside the outline reaches the cut-out, and everything inside does, at its place.
func TestFaceOnlyHidesTheRest(t *testing.T) {
	var m landmark.Mesh
	for i := range m.Points { // every point in the middle, the outline's on a circle
		m.Points[i] = [3]float32{100, 80, 0}
	}
	oval := m.Oval()
	for k, i := range ovalIndices(t) {
		s, c := math.Sincos(2 * math.Pi * float64(k) / float64(len(oval)))
		m.Points[i] = [3]float32{float32(100 + 40*c), float32(80 + 40*s), 0}
	}
	draw := func(outside byte) *frame.Picture {
		p := frame.New(frame.RGB24, 200, 160)
		for y := range 160 {
			for x := range 200 {
				v := outside
				if math.Hypot(float64(x)-99.5, float64(y)-79.5) < 43 { // bilinear samples at the edge reach a little outside
					v = byte(x)
				}
				for c := range 3 {
					p.Planes[0].Data[y*p.Planes[0].Stride+3*x+c] = v
				}
			}
		}
		return p
	}
	var b blinkers
	one, at, err := b.faceOnly(draw(0), m.Box(), polygon(m.Oval()))
	if err != nil {
		t.Fatal(err)
	}
	two, _, err := b.faceOnly(draw(255), m.Box(), polygon(m.Oval()))
	if err != nil {
		t.Fatal(err)
	}
	if string(one.Planes[0].Data) != string(two.Planes[0].Data) {
		t.Error("the cut-out depends on what is outside the outline")
	}
	for _, want := range []frame.Point{{X: 100.5, Y: 80.5}, {X: 80.5, Y: 70.5}, {X: 125.5, Y: 90.5}} {
		q := at.Apply(want)
		if got := one.Planes[0].Data[int(q.Y)*one.Planes[0].Stride+3*int(q.X)]; math.Abs(float64(got)-want.X) > 1.5 {
			t.Errorf("at %v: %d, want about %.0f", want, got, want.X)
		}
	}
	// A mask hides what lies beyond it.
	mask, _ := hullOf([]frame.Point{{X: 0, Y: 0}, {X: 110, Y: 0}, {X: 110, Y: 160}, {X: 0, Y: 160}})
	half, _, err := b.faceOnly(draw(0), m.Box(), mask)
	if err != nil {
		t.Fatal(err)
	}
	for x, want := range map[float64]bool{95.5: true, 107.5: true, 108.5: false, 125.5: false} {
		q := at.Apply(frame.Point{X: x, Y: 80.5})
		if got := half.Planes[0].Data[int(q.Y)*half.Planes[0].Stride+3*int(q.X)]; (got != 128) != want {
			t.Errorf("at %v of a mask that ends at 110: %d", x, got)
		}
	}
	if corner := one.Planes[0].Data[0]; corner != 128 {
		t.Errorf("the corner is %d, want grey", corner)
	}
}

// ovalIndices finds the points of the outline, in its order, by what Oval returns for a mesh whose points tell their index.
func ovalIndices(t *testing.T) (index []int) {
	t.Helper()
	var m landmark.Mesh
	for i := range m.Points {
		m.Points[i][0] = float32(i)
	}
	for _, p := range m.Oval() {
		index = append(index, int(p.X))
	}
	if len(index) < 20 {
		t.Fatalf("%d points", len(index))
	}
	return index
}
