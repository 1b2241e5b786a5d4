package ffcli

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/verify"
	"github.com/ksamenet/ksamenet/internal/testcrowd"
)

const (
	crowdLeast   = 20  // px: smaller faces are not promised
	crowdVisible = 0.3 // of a face: less of it is not promised
	crowdHidden  = 0.7 // of the face's middle
)

// On clips with exact truth no face is exposed in any frame, before the second detector has looked, and no track shows two
// people.
func TestCrowd(t *testing.T) {
	needNetworks(t)
	clips := testcrowd.Clips(t)
	if testing.Short() {
		clips = clips[:2]
	}
	for _, clip := range clips {
		t.Run(clip.Name, func(t *testing.T) {
			dir := t.TempDir()
			mustRun(t, dir, "registry", "init")
			cast := filepath.Join(dir, "cast.json")
			mustRun(t, dir, "analyze", clip.Path(), "-o", cast, "--uncertified")
			l, err := decisions.Read(bytes.NewReader(read(t, cast)))
			if err != nil {
				t.Fatal(err)
			}
			if int(l.Source.Frames) != clip.Frames {
				t.Fatalf("%d frames, want %d", l.Source.Frames, clip.Frames)
			}
			jobs := l.ByFrame()
			faces, exposed, regions, idle := 0, 0, 0, 0
			wears := map[int]map[int]int{} // track → person → frames
			whole := frame.Rect{X1: float64(clip.Width), Y1: float64(clip.Height)}
			for f, truth := range clip.Faces {
				js := jobs[int64(f)]
				for _, face := range truth {
					if face.Visible < crowdVisible || face.Rect().H() < crowdLeast {
						continue
					}
					faces++
					seen := face.Rect().Intersect(whole)
					if h := verify.Hidden(seen, verify.Regions(js)); h < crowdHidden {
						if exposed++; exposed <= 3 {
							t.Errorf("frame %d: person %d at %.0f is hidden by %.2f (visible %.2f)", f, face.Person, face.Rect(), h, face.Visible)
						}
					}
				}
				for _, j := range js {
					regions++
					best, at := 0.3, -1
					for _, face := range truth {
						if v := face.Rect().IoU(j.Face.Rect()); v > best {
							best, at = v, face.Person
						}
					}
					if at < 0 {
						idle++
					} else if j.Action == decisions.Replace && best > .5 {
						if wears[j.Track.ID] == nil {
							wears[j.Track.ID] = map[int]int{}
						}
						wears[j.Track.ID][at]++
					}
				}
			}
			switches := 0
			for _, people := range wears {
				n := 0
				for _, frames := range people {
					if frames >= 3 { // two faces that pass each other share a box for a frame or two
						n++
					}
				}
				switches += max(n-1, 0)
			}
			if faces == 0 || switches > 0 {
				t.Errorf("%d faces, %d tracks that change from one person to another", faces, switches)
			}
			t.Logf("%d faces, recall %.3f; %d regions, %d of them (%.1f %%) on no face", faces, 1-float64(exposed)/float64(faces), regions, idle, 100*float64(idle)/float64(max(regions, 1)))
		})
	}
}
