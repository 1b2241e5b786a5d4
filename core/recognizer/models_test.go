package recognizer

import (
	"context"
	"testing"

	"github.com/ksamenet/ksamenet/core/detector"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/internal/testface"
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

// Real faces: the same person seen at another size and turn must stay itself, other people must not.
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
	r := recognizer(t, testface.Engine(t, "sface"))
	var all [][2][]float32
	for _, name := range []string{"ardern_2022_pd", "astronaut_collins_nasa_pd", "macron_2025_pd", "obama_senate_pd", "sunak_ccby3"} {
		pic := testface.SharedPicture(t, "testdata/images/"+name+".jpg")
		var pair [2][]float32
		for i, d := range []*detector.Detector{det, small} {
			found, err := d.Detect(context.Background(), pic)
			if err != nil || len(found) == 0 {
				t.Fatalf("%s: %v, %v", name, found, err)
			}
			v, q, err := r.Embed(context.Background(), pic, Face{Points: found[0].Points, Presence: 1})
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
			if s := dot(all[i][0], all[j][1]); (s > .45) != (i == j) {
				t.Errorf("portraits %d and %d: similarity %.2f", i, j, s)
			}
		}
	}
}
