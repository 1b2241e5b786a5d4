package compositor

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
)

// TestCover: in every layout, at every kind of place, what lies under the box no longer depends on the source (solid)
// or holds few levels (mosaic), and what lies beyond the reported box is untouched.
func TestCover(t *testing.T) {
	nan := math.NaN()
	for _, l := range layouts {
		for _, tc := range []struct {
			name string
			box  frame.Rect
			all  bool // the whole picture must go
			none bool
		}{
			{name: "middle", box: frame.Rect{X0: 20.3, Y0: 15.7, X1: 50.1, Y1: 60.9}},
			{name: "corner", box: frame.Rect{X0: -20, Y0: -30, X1: 30, Y1: 20}},
			{name: "tiny", box: frame.Rect{X0: 33.4, Y0: 33.4, X1: 33.6, Y1: 33.6}},
			{name: "last pixel", box: frame.Rect{X0: 96, Y0: 82, X1: 97, Y1: 83}},
			{name: "larger than the picture", box: frame.Rect{X0: -1000, Y0: -1000, X1: 1000, Y1: 1000}, all: true},
			{name: "huge", box: frame.Rect{X0: -1e300, Y0: -1e300, X1: 1e300, Y1: 1e300}, all: true},
			{name: "outside", box: frame.Rect{X0: 500, Y0: 10, X1: 560, Y1: 50}, none: true},
			{name: "empty", box: frame.Rect{X0: 40, Y0: 40, X1: 40, Y1: 40}, all: true},
			{name: "NaN", box: frame.Rect{X0: nan, Y0: 0, X1: 40, Y1: 40}, all: true},
			{name: "infinite", box: frame.Rect{X0: 0, Y0: 0, X1: math.Inf(1), Y1: 40}, all: true},
		} {
			t.Run(l.Name+"/"+tc.name, func(t *testing.T) {
				for _, style := range []Style{Solid, Pixelate, Blend, Style(9)} {
					p, q := newPicture(l, 97, 83, 1), newPicture(l, 97, 83, 2)
					before := clone(p)
					if style == Blend { // what is beside a cover shows in it
						eachSample(q, func(i, x, y int, px frame.Rect) {
							if px.Intersect(tc.box).Empty() && !tc.all {
								setSample(&q.Planes[l.Components[i].Plane], l.Components[i], x, y, get(p, i, x, y))
							}
						})
					}
					box, err := Cover(p, tc.box, style)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := Cover(q, tc.box, style); err != nil {
						t.Fatal(err)
					}
					under := tc.box
					if tc.all {
						under = p.Bounds()
					}
					levels, covered := map[string]bool{}, 0
					eachSample(p, func(i, x, y int, px frame.Rect) {
						v := get(p, i, x, y)
						switch {
						case !px.Intersect(under).Intersect(p.Bounds()).Empty():
							covered++
							levels[fmt.Sprint(i, " ", v)] = true
							if w := get(q, i, x, y); style != Pixelate && v != w {
								t.Fatalf("component %d sample %d,%d shows the source: %d, %d", i, x, y, v, w)
							}
						case px.Intersect(box).Empty() && v != get(before, i, x, y):
							t.Fatalf("component %d sample %d,%d changed outside %v", i, x, y, box)
						}
					})
					if tc.none {
						if !box.Empty() || !bytes.Equal(p.Planes[0].Data, before.Planes[0].Data) {
							t.Fatalf("a box outside changed %v", box)
						}
						continue
					}
					if covered == 0 {
						t.Fatal("the test looks at nothing")
					}
					if n := l.Colors(); style != Pixelate && style != Blend && len(levels) != n || len(levels) > 10*n && style != Blend {
						t.Errorf("style %d leaves %d levels", style, len(levels))
					}
				}
			})
		}
	}
}

// TestMosaicCells: at most mosaicCells+1 cells each way lie under the box, since cells are aligned to the picture.
func TestMosaicCells(t *testing.T) {
	p := newPicture(frame.Y444, 640, 480, 1)
	if _, err := Cover(p, frame.Rect{X0: 101, Y0: 57, X1: 301, Y1: 297}, Pixelate); err != nil {
		t.Fatal(err)
	}
	edges := func(dx, dy int) (n int) {
		for k := range 200 {
			x, y := 101+k*dx, 57+k*dy
			// Two cells may share a level, so a row of luma and of both chroma planes is compared.
			for i := range 3 {
				if get(p, i, x, y) != get(p, i, x+dx, y+dy) {
					n++
					break
				}
			}
		}
		return n
	}
	if h, v := edges(1, 0), edges(0, 1); h > mosaicCells+1 || v > mosaicCells+1 {
		t.Errorf("%d and %d edges under the box", h, v)
	}
}
