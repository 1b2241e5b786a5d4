package review

import (
	"bytes"
	"fmt"
	"image"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
)

func list() *decisions.List {
	l := &decisions.List{
		Format: decisions.Format, Version: decisions.Version, Source: decisions.Source{Frames: 60, Width: 320, Height: 180},
		Persons: []decisions.Person{{ID: 1, Registry: 4, Cluster: 2, Action: decisions.Cover}, {ID: 2, Action: decisions.Keep}},
	}
	for id := 1; id <= 2; id++ {
		t := decisions.Track{ID: id, Person: id, Why: []string{"", "<script>alert(1)</script>"}[id-1]}
		for f := range int64(40) {
			t.Faces = append(t.Faces, decisions.Face{Frame: f, Box: [4]float64{100 * float64(id), 50, 100*float64(id) + 40, 100}})
		}
		l.Tracks = append(l.Tracks, t)
	}
	return l
}

func TestPage(t *testing.T) {
	l := list()
	p := New(l)
	for f := range l.Source.Frames {
		pic := frame.New(frame.I420, 320, 180)
		pic.Index = f
		if err := p.Picture(pic); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	s := b.String()
	for _, want := range []string{
		"shows faces as they were filmed", "track 1, frame 39", "Track 2", "shown as filmed", "frame 39, last",
		`{&#34;id&#34;: 2, &#34;person&#34;: 2, &#34;action&#34;: &#34;cover&#34;,`,
		`{&#34;id&#34;:1,&#34;registry&#34;:4,&#34;cluster&#34;:2,&#34;action&#34;:&#34;keep&#34;}`,
	} {
		if !strings.Contains(s, want) {
			t.Errorf("no %q in the page", want)
		}
	}
	if strings.Contains(s, "<script>alert") || strings.Contains(s, "http://") || strings.Contains(s, "https://") {
		t.Error("the page runs a track's text, or leads outside")
	}
	if n := strings.Count(s, "data:image/jpeg;base64,"); n < 8 {
		t.Errorf("%d thumbnails", n)
	}
	if strings.Index(s, "Track 2") > strings.Index(s, "track 1, frame") {
		t.Error("what is in doubt does not stand first")
	}
}

// The outline lies on the box's edge, and nowhere else; a box larger than the thumbnail has none in sight.
func TestOutline(t *testing.T) {
	drawn := func(w, h float64) (n int, edge bool) {
		im := image.NewRGBA(image.Rect(0, 0, thumbSide, thumbSide))
		outline(im, w, h)
		for i := 3; i < len(im.Pix); i += 4 {
			if im.Pix[i] > 0 {
				n++
			}
		}
		return n, im.RGBAAt(44, 64).A > 0 && im.RGBAAt(83, 64).A > 0 && im.RGBAAt(64, 34).A > 0 && im.RGBAAt(64, 93).A > 0
	}
	if n, edge := drawn(40, 60); n != 2*40+2*60-4 || !edge {
		t.Errorf("%d px, on the edge: %v", n, edge)
	}
	if n, _ := drawn(1000, 1000); n > 4*thumbSide {
		t.Errorf("%d px of a box beyond the thumbnail", n)
	}
}

// A frame that the video does not have leaves a gap, not a broken page.
func TestMissingFrames(t *testing.T) {
	var b bytes.Buffer
	if err := New(list()).Write(&b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `class="gone"`) || strings.Contains(b.String(), "ZgotmplZ") {
		t.Error(fmt.Sprint("no gap in ", b.Len(), " bytes"))
	}
}
