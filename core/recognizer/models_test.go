package recognizer

import (
	"context"
	"testing"

	"github.com/ksamenet/ksamenet/core/detector"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/landmark"
	"github.com/ksamenet/ksamenet/internal/testface"
	"github.com/ksamenet/ksamenet/models"
)

func dot(a, b []float32) (s float64) {
	for i := range a {
		s += float64(a[i]) * float64(b[i])
	}
	return s
}

func TestTellsRenderedPeopleApart(t *testing.T) {
	r := recognizer(t, testface.Engine(t, "sface"))
	var e [][]float32
	for _, face := range testface.Truth(t) {
		f := Face{Yaw: face.Yaw, Pitch: face.Pitch, Presence: 1}
		for i, p := range face.Points {
			f.Points[i] = frame.Point{X: p[0], Y: p[1]}
		}
		v, q, err := r.Embed(context.Background(), testface.Picture(t), f)
		if err != nil || q <= 0 {
			t.Fatalf("quality %v, %v", q, err)
		}
		e = append(e, v)
	}
	for i := range e {
		for j := range i {
			// Rendered heads, of one topology and small here, lie nearer to each other than real people do.
			if s := dot(e[i], e[j]); s > .6 {
				t.Errorf("people %d and %d look the same: %v", j, i, s)
			}
		}
	}
}

// Real faces: the same person seen at another size and turn must stay itself, other people must not, for either network.
func TestSharedPortraits(t *testing.T) {
	det, err := detector.New(testface.Engine(t, "centerface"), detector.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer det.Close()
	small, err := detector.New(testface.Engine(t, "centerface"), detector.Config{Looks: []detector.Look{{Side: 320}}})
	if err != nil {
		t.Fatal(err)
	}
	defer small.Close()
	mesh := analyzer(t)
	for _, name := range []string{"sface", "dlib"} {
		t.Run(name, func(t *testing.T) {
			r := recognizer(t, testface.Engine(t, name))
			var all [][2][]float32
			for _, name := range []string{"ardern_2022_pd", "astronaut_collins_nasa_pd", "macron_2025_pd", "obama_senate_pd", "sunak_ccby3"} {
				pic := testface.SharedPicture(t, "testdata/images/"+name+".jpg")
				var pair [2][]float32
				for i, d := range []*detector.Detector{det, small} {
					found, err := d.Detect(context.Background(), pic)
					if err != nil || len(found) == 0 {
						t.Fatalf("%s: %v, %v", name, found, err)
					}
					m, err := mesh.Analyze(context.Background(), pic, found[0].Points)
					if err != nil {
						t.Fatal(err)
					}
					f := Face{Points: m.Mesh.Five(), Corners: m.Mesh.Corners(), Presence: 1}
					for j := range f.Points {
						if i == 1 { // as points of another detector lie: off by a few percent
							f.Points[j].X += .03 * found[0].Box.W() * float64(j%3-1)
							f.Corners[j].X += .03 * found[0].Box.W() * float64(j%3-1)
						}
					}
					v, q, err := r.Embed(context.Background(), pic, f)
					if err != nil {
						t.Fatal(err)
					}
					t.Logf("%s: %.0f px, quality %.2f", name, found[0].Box.W(), q)
					pair[i] = v
				}
				all = append(all, pair)
			}
			for i := range all {
				for j := range all {
					if s := dot(all[i][0], all[j][1]); (s > r.Link()) != (i == j) {
						t.Errorf("portraits %d and %d: similarity %.3f, link %v", i, j, s, r.Link())
					}
				}
			}
		})
	}
}

func analyzer(t *testing.T) *landmark.Analyzer {
	t.Helper()
	b, err := models.File("generator", "head.json")
	if err != nil {
		t.Fatal(err)
	}
	head, err := landmark.ParseHead(b)
	if err != nil {
		t.Fatal(err)
	}
	a, err := landmark.New(testface.Engine(t, "facemesh"), testface.Engine(t, "appearance"), head)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}
