package attack

import (
	"math"
	"math/rand/v2"
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

// A face looks the same whatever tone it took over: brighter, lifted, paler, in coloured light.
func TestPlainKnowsNoTone(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	const side = 40
	type ycc struct{ y, cb, cr float64 } // luma and B−Y, R−Y, 0..255
	var face [side * side]ycc
	for i := range face {
		face[i] = ycc{100 + 30*r.NormFloat64(), -20 + 6*r.NormFloat64(), 30 + 8*r.NormFloat64()}
	}
	b := blinkers{in: make([]bool, side*side)}
	for i := range b.in {
		b.in[i] = i%7 > 0
	}
	draw := func(gain, lift, chroma, castB, castR float64) *frame.Picture {
		p := frame.New(frame.RGB24, side, side)
		for i, c := range face {
			y := c.y*gain + lift
			cb, cr := c.cb*chroma+castB*y, c.cr*chroma+castR*y
			for k, v := range [3]float64{y + cr, y - (.114*cb+.299*cr)/.587, y + cb} {
				p.Planes[0].Data[i/side*p.Planes[0].Stride+i%side*3+k] = byte(min(max(v, 0), 255) + .5)
			}
		}
		return b.plain(p)
	}
	want := draw(1, 0, 1, 0, 0)
	for _, tone := range [][5]float64{{1.3, 0, 1.3, 0, 0}, {.8, 30, .8, 0, 0}, {1, 0, .6, .05, -.04}, {1.1, 10, 1.3, -.06, .06}} {
		got, far := draw(tone[0], tone[1], tone[2], tone[3], tone[4]), 0
		for i, in := range b.in {
			for k := range 3 {
				at := i/side*want.Planes[0].Stride + i%side*3 + k
				d := math.Abs(float64(got.Planes[0].Data[at]) - float64(want.Planes[0].Data[at]))
				if in && d > 6 {
					far++
				}
			}
		}
		if far > side*side/50 { // rounding, and a few that clip
			t.Errorf("tone %v: %d samples differ", tone, far)
		}
	}
	// Shapes stay: what is dark stays darker.
	one := func(i int) int { return int(want.Planes[0].Data[i/side*want.Planes[0].Stride+i%side*3]) }
	dark, bright := 0, 0
	for i, in := range b.in {
		if in && face[i].y < face[dark].y || !b.in[dark] {
			dark = i
		}
		if in && face[i].y > face[bright].y || !b.in[bright] {
			bright = i
		}
	}
	if one(dark)+100 > one(bright) {
		t.Errorf("dark %d, bright %d", one(dark), one(bright))
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
