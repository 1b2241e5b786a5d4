package tracker

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
)

// mixed is (1-a) of scene x and a of scene y, each of them moved a little.
func mixed(x, y *waves, a, dx float64, seed uint64) *frame.Picture {
	p, q := frame.New(frame.Gray8, 192, 108), frame.New(frame.Gray8, 192, 108)
	x.draw(p, dx, 0, 1, 0, seed)
	y.draw(q, dx, 0, 1, 0, seed+1)
	for i, v := range q.Planes[0].Data {
		p.Planes[0].Data[i] = byte((1-a)*float64(p.Planes[0].Data[i]) + a*float64(v) + .5)
	}
	return p
}

// A dissolve is found before it is long over, once, half way; neither what moves nor what changes its brightness is one.
func TestDissolves(t *testing.T) {
	x, y := newWaves(1), newWaves(2)
	for _, n := range []int{8, 12, 20, 60} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			var d CutDetector
			var at []int
			for i := range 140 {
				a := min(max(float64(i-50)/float64(n), 0), 1)
				c, err := d.Next(mixed(x, y, a, .0005*float64(i), uint64(2*i)))
				if err != nil {
					t.Fatal(err)
				}
				if c.Cut {
					t.Errorf("a cut at %d", i)
				}
				if c.Dissolve > 0 {
					at = append(at, i-c.Dissolve/2)
				}
			}
			if len(at) != 1 || at[0] < 50 || at[0] > 50+n {
				t.Errorf("dissolves half way at %v, want one in %d to %d", at, 50, 50+n)
			}
		})
	}
	for name, draw := range map[string]func(p *frame.Picture, i int){
		"still": func(p *frame.Picture, i int) { x.draw(p, 0, 0, 1, 0, uint64(i)) },
		"pan":   func(p *frame.Picture, i int) { x.draw(p, .01*float64(i), 0, 1, 0, uint64(i)) },
		"fast":  func(p *frame.Picture, i int) { x.draw(p, .05*float64(i), 0, 1, 0, uint64(i)) },
		"roll":  func(p *frame.Picture, i int) { x.draw(p, 0, .02*float64(i), 1, 0, uint64(i)) },
		"dawn":  func(p *frame.Picture, i int) { x.draw(p, 0, 0, 1, .5*float64(i), uint64(i)) },
	} {
		t.Run(name, func(t *testing.T) {
			var d CutDetector
			p := frame.New(frame.Gray8, 192, 108)
			for i := range 100 {
				draw(p, i)
				if c, err := d.Next(p); err != nil || c.Dissolve > 0 {
					t.Fatalf("picture %d: %+v %v", i, c, err)
				}
			}
		})
	}
}

// TestDissolvesOfRealClips blends two clips of the shared test data, where they and ffmpeg are at hand, and looks for
// dissolves in those that have none.
func TestDissolvesOfRealClips(t *testing.T) {
	if testing.Short() {
		t.Skip("decodes clips: not with -short")
	}
	dir := filepath.Join("..", "..", "..", "shared", "testdata", "video")
	find := func(t *testing.T, args ...string) (at []int) {
		eachChange(t, func(n int, c Cut) {
			if c.Dissolve > 0 {
				at = append(at, n-c.Dissolve/2)
			}
		}, args...)
		return at
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("shared test data is not here: %v", err)
	}
	for _, clip := range []string{"hard_roll_720p.mp4", "portraits_pan_1080p.mp4", "asl_cuts_720p_audio.mp4", "small_walking_720p.mp4"} {
		t.Run(clip, func(t *testing.T) {
			t.Parallel()
			if at := find(t, "-t", "10", "-i", filepath.Join(dir, clip), "-vf", "scale=640:360"); len(at) > 0 {
				t.Errorf("dissolves half way at %v; there are none", at)
			}
		})
	}
	one := filepath.Join(dir, "asl_book.mp4")
	for _, tc := range []struct {
		second string
		frames int
	}{{filepath.Join(dir, "4face_classroom_720p.mp4"), 15}} {
		t.Run(fmt.Sprintf("%s over %d", filepath.Base(tc.second), tc.frames), func(t *testing.T) {
			t.Parallel()
			fade := fmt.Sprintf("[0:v]fps=30,scale=640:360,setsar=1,format=yuv420p[a];[1:v]fps=30,scale=640:360,setsar=1,format=yuv420p[b];[a][b]xfade=duration=%f:offset=1.5", float64(tc.frames)/30)
			at := find(t, "-i", one, "-i", tc.second, "-filter_complex", fade)
			if len(at) != 1 || at[0] < 45 || at[0] > 45+tc.frames {
				t.Errorf("half way at %v, want one in 45 to %d", at, 45+tc.frames)
			}
		})
	}
}

// Over a dissolve tracklets are ended and reach on; over a cut they do not.
func TestSplit(t *testing.T) {
	box := frame.Rect{X0: 100, Y0: 100, X1: 150, Y1: 160}
	for _, tc := range []struct {
		name        string
		cut         int64 // 0: none
		first, last [2]int64
	}{
		{"in a long file", 0, [2]int64{0, 61}, [2]int64{38, 99}},
		{"before a cut", 56, [2]int64{0, 55}, [2]int64{38, 55}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, err := NewLinker(DefaultConfig())
			if err != nil {
				t.Fatal(err)
			}
			for i := range int64(100) {
				f := Frame{Index: i, Cut: tc.cut > 0 && i == tc.cut, Obs: []Observation{{Box: box, Score: .9, Tag: 0}}}
				if tc.cut > 0 && i >= tc.cut {
					f.Obs = nil
				}
				if err := l.Add(f); err != nil {
					t.Fatal(err)
				}
				if i == 54 {
					if err := l.Split(50); err != nil {
						t.Fatal(err)
					}
				}
			}
			ts, err := l.Finish()
			if err != nil || len(ts) != 2 {
				t.Fatalf("%d tracklets, %v", len(ts), err)
			}
			for i, want := range [][2]int64{tc.first, tc.last} {
				if e := ts[i].Entries; e[0].Frame != want[0] || e[len(e)-1].Frame != want[1] || ts[i].Shot != i {
					t.Errorf("tracklet %d of shot %d: frames %d to %d, want %v", i, ts[i].Shot, e[0].Frame, e[len(e)-1].Frame, want)
				}
			}
			if ts[0].Last != 49 || ts[1].First != 50 {
				t.Errorf("seen to %d, and from %d", ts[0].Last, ts[1].First)
			}
		})
	}
	l, err := NewLinker(DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Split(3); err != nil {
		t.Errorf("nothing to split: %v", err)
	}
}
