// Package testcrowd holds short clips of synthetic people in trying situations (profile, small, crossing, occluded, leaving
// the picture, cuts and a dissolve, fast, dark, a rolling camera, thirty people) with exact ground truth. training/crowd
// makes them. It serves tests only.
package testcrowd

import (
	_ "embed"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
)

//go:embed truth.json
var truth []byte

// Face is what the renderer knows of one face of one frame.
type Face struct {
	Person  int        `json:"person"`
	Box     [4]float64 `json:"box"`     // x, y, width, height of the landmarks with the forehead, px
	Visible float64    `json:"visible"` // share of the face's pixels that nothing hides, 0..1
}

// Rect is the face's box.
func (f Face) Rect() frame.Rect {
	return frame.Rect{X0: f.Box[0], Y0: f.Box[1], X1: f.Box[0] + f.Box[2], Y1: f.Box[1] + f.Box[3]}
}

// Clip is one clip with its truth.
type Clip struct {
	Name   string     `json:"name"` // of the file
	Width  int        `json:"width"`
	Height int        `json:"height"`
	Frames int        `json:"frames"`
	Shots  [][2]int64 `json:"shots"` // first frame, frame after the last; a dissolve belongs to the later one
	Faces  [][]Face   `json:"faces"` // by frame
	dir    string
}

// Path is where the clip lies.
func (c *Clip) Path() string { return filepath.Join(c.dir, c.Name) }

// Clips lists all clips: those of this package, or those of the folder that KSAMENET_CROWD names (`make bench-crowd`).
func Clips(t testing.TB) []Clip {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	dir, doc := filepath.Dir(here), truth
	if d := os.Getenv("KSAMENET_CROWD"); d != "" {
		b, err := os.ReadFile(filepath.Join(d, "truth.json"))
		if err != nil {
			t.Fatal(err)
		}
		dir, doc = d, b
	}
	var d struct {
		Format int    `json:"format"`
		Clips  []Clip `json:"clips"`
	}
	if err := json.Unmarshal(doc, &d); err != nil || d.Format != 1 || len(d.Clips) == 0 {
		t.Fatalf("testcrowd: truth of format %d, %d clips: %v", d.Format, len(d.Clips), err)
	}
	for i := range d.Clips {
		d.Clips[i].dir = dir
	}
	return d.Clips
}
