package detector

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
)

// Around the picture lies its mirror image, whatever the size, and the map leads back.
func TestMirroredLook(t *testing.T) {
	for _, size := range [][2]int{{320, 180}, {100, 100}, {97, 211}, {640, 359}} {
		pic := frame.New(frame.Planar("GRAY8x3", 8, 0, 0), size[0], size[1])
		for y := range pic.H {
			for x := range pic.W {
				pic.Planes[0].Data[y*pic.Planes[0].Stride+x] = byte(20 + 200*x/pic.W)
				pic.Planes[1].Data[y*pic.Planes[1].Stride+x] = 128
				pic.Planes[2].Data[y*pic.Planes[2].Stride+x] = 128
			}
		}
		l := Look{Side: max(size[0], size[1]), Enlarge: 1, Mirror: .12}
		w, h, m := l.plan(pic.W, pic.H)
		in := l.inner(pic.W, pic.H)
		if w%32 != 0 || h%32 != 0 || in.x < int(.12*float64(max(size[0], size[1]))) || in.w != pic.W || in.h != pic.H {
			t.Fatalf("%v: input %dx%d, picture at %+v", size, w, h, in)
		}
		if p := m.Apply(frame.Point{X: float64(in.x), Y: float64(in.y)}); math.Abs(p.X) > 1e-9 || math.Abs(p.Y) > 1e-9 {
			t.Errorf("%v: the picture's corner is at %v", size, p)
		}
		var seen []float32
		e := centerFaceFake(func(data func(string) []float32) {
			seen = append(seen[:0], data("in")...)
		})
		if _, err := detector(t, e, Config{Looks: []Look{l}}).Detect(context.Background(), pic); err != nil {
			t.Fatal(err)
		}
		for k := range min(in.x, in.w) {
			for _, y := range []int{0, in.y, h - 1} {
				row := seen[y*w : (y+1)*w]
				if a, b := row[in.x-1-k], row[in.x+k]; a != b {
					t.Fatalf("%v: row %d, left of the edge by %d is %v, right %v", size, y, k, a, b)
				}
				if a, b := row[in.x+in.w-1-k], row[min(in.x+in.w+k, w-1)]; in.x+in.w+k < w && a != b {
					t.Fatalf("%v: row %d, beyond the right edge by %d is %v, before %v", size, y, k, b, a)
				}
			}
		}
	}
}

// The image of a face beside an edge is none; a face that the edge cuts is, and so is one of another size where an image might be.
func TestImagesAreNoFaces(t *testing.T) {
	pic := frame.Rect{X1: 320, Y1: 180}
	at := func(x, y, side float64) Detection {
		return Detection{Box: frame.Rect{X0: x - side/2, Y0: y - side/2, X1: x + side/2, Y1: y + side/2}, Score: .9}
	}
	for _, tc := range []struct {
		name  string
		found []Detection
		want  int
	}{
		{"left", []Detection{at(30, 90, 40), at(-31, 91, 40)}, 1}, {"right", []Detection{at(352, 90, 40), at(290, 90, 40)}, 1},
		{"top", []Detection{at(100, 24, 40), at(100, -24, 40)}, 1}, {"bottom", []Detection{at(100, 160, 40), at(100, 201, 40)}, 1},
		{"a corner", []Detection{at(30, 25, 40), at(-30, -25, 40)}, 1}, {"three images of one", []Detection{at(-30, 25, 40), at(30, 25, 40), at(30, -25, 40), at(-30, -25, 40)}, 1},
		{"cut by the edge", []Detection{at(-4, 90, 40)}, 1}, {"cut, beside another", []Detection{at(-4, 90, 40), at(60, 90, 40)}, 2},
		{"of another size", []Detection{at(-30, 90, 40), at(30, 90, 15)}, 2}, {"two faces", []Detection{at(30, 90, 40), at(100, 90, 40)}, 2},
	} {
		got := withoutImages(slices.Clone(tc.found), pic)
		if len(got) != tc.want || slices.ContainsFunc(got, func(d Detection) bool { return tc.want == 1 && len(tc.found) > 1 && d.Box.Intersect(pic).Empty() }) {
			t.Errorf("%s: %d of %d are left, want %d", tc.name, len(got), len(tc.found), tc.want)
		}
	}
}

// A face that the network sees in the middle of its input lies where Near was told to look, at any roll.
func TestNear(t *testing.T) {
	e := centerFaceFake(func(data func(string) []float32) {
		n := nearSide / 4
		heat := data("537")
		for i := range heat {
			heat[i] = 0
		}
		at := n/2*n + n/2
		heat[at] = .9
		data("538")[at], data("538")[n*n+at] = float32(math.Log(16)), float32(math.Log(12)) // 64 high, 48 wide
		data("539")[at], data("539")[n*n+at] = -.5, -.5                                     // the middle exactly
	})
	d := detector(t, e, Config{})
	pic := frame.New(frame.I420, 640, 360)
	box := frame.Rect{X0: 300, Y0: 100, X1: 330, Y1: 140}
	for _, roll := range []float64{0, math.Pi / 2, -math.Pi / 2, math.Pi} {
		found, err := d.Near(context.Background(), pic, box, roll)
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		w, h := 30., 40.
		if math.Abs(math.Sin(roll)) > .5 {
			w, h = h, w
		}
		b := found[0].Box
		if c := b.Center(); math.Hypot(c.X-315, c.Y-120) > 1e-6 || math.Abs(b.W()-w) > 1e-3 || math.Abs(b.H()-h) > 1e-3 {
			t.Errorf("roll %.1f: %v, want %vx%v around 315,120", roll, b, w, h)
		}
	}
	if _, err := d.Near(context.Background(), pic, frame.Rect{}, 0); err == nil {
		t.Error("an empty box was looked near")
	}
}
