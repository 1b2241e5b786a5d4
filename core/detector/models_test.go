package detector

import (
	"context"
	"slices"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/internal/testface"
)

func TestFindsRenderedFaces(t *testing.T) {
	for _, name := range []string{"centerface", "yunet"} {
		t.Run(name, func(t *testing.T) {
			d := detector(t, testface.Engine(t, name), Config{})
			if d.Network() != name {
				t.Fatalf("recognised as %q", d.Network())
			}
			got, err := d.Detect(context.Background(), testface.Picture(t))
			if err != nil {
				t.Fatal(err)
			}
			truth := testface.Truth(t)
			if len(got) != len(truth) {
				t.Fatalf("got %d faces, want %d: %+v", len(got), len(truth), got)
			}
			for _, want := range truth {
				box := frame.Rect{X0: want.Box[0], Y0: want.Box[1], X1: want.Box[2], Y1: want.Box[3]}
				var best Detection
				for _, g := range got {
					if g.Box.IoU(box) > best.Box.IoU(box) {
						best = g
					}
				}
				if best.Box.IoU(box) < .6 {
					t.Errorf("face at %v: best match %+v", box, best)
				}
				for i, p := range best.Points {
					if dx, dy := p.X-want.Points[i][0], p.Y-want.Points[i][1]; dx*dx+dy*dy > .02*box.Area() {
						t.Errorf("face at %v: point %d is (%.1f, %.1f) off", box, i, dx, dy)
					}
				}
			}
		})
	}
}

// What the networks are said to give is what they give.
func TestShapes(t *testing.T) {
	for _, name := range []string{"centerface", "yunet"} {
		e := testface.Engine(t, name)
		net, err := identify(e.Tensors())
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range [][2]int64{{64, 96}, {160, 32}} {
			s, err := e.NewSession(map[string][]int64{net.input(): {1, 3, size[1], size[0]}})
			if err != nil {
				t.Fatal(err)
			}
			outputs := 0
			for out, shape := range net.shapes(size[0], size[1]) {
				if outputs++; !slices.Equal(s.Shape(out), shape) {
					t.Errorf("%s: %s is %v for %v, foretold as %v", name, out, s.Shape(out), size, shape)
				}
			}
			if want := len(e.Tensors()) - 1; outputs != want {
				t.Errorf("%s: %d of %d outputs are foretold", name, outputs, want)
			}
			s.Close()
		}
	}
}

// Real faces: every portrait holds one.
func TestSharedPortraits(t *testing.T) {
	d := detector(t, testface.Engine(t, "centerface"), Config{})
	for _, name := range []string{"ardern_2022_pd", "astronaut_collins_nasa_pd", "macron_2025_pd", "obama_senate_pd", "sunak_ccby3"} {
		got, err := d.Detect(context.Background(), testface.SharedPicture(t, "testdata/images/"+name+".jpg"))
		if err != nil || len(got) != 1 {
			t.Errorf("%s: got %+v, %v; want one face", name, got, err)
		}
	}
}

func BenchmarkDetect(b *testing.B) {
	for _, name := range []string{"centerface", "yunet"} {
		b.Run(name, func(b *testing.B) {
			d := detector(b, testface.Engine(b, name), Config{})
			p := testface.Picture(b)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Detect(context.Background(), p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
