package ffcli

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/verify"
	"github.com/ksamenet/ksamenet/internal/testcrowd"
)

// hidesWithoutKept says how much of a face is rendered or covered; what is kept hides nobody.
func hidesWithoutKept(face frame.Rect, jobs []decisions.Job) float64 {
	var regions []verify.Region
	for i, r := range verify.Regions(jobs) {
		if jobs[i].Action != decisions.Keep {
			regions = append(regions, r)
		}
	}
	return verify.Hidden(face, regions)
}

func readList(t *testing.T, path string) *decisions.List {
	t.Helper()
	l, err := decisions.Read(bytes.NewReader(read(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Whoever is kept, everybody else is hidden in every frame, before, while and after they cross the kept person's way.
func TestKeepCrossing(t *testing.T) {
	needNetworks(t)
	for _, clip := range testcrowd.Clips(t) {
		if matched, err := filepath.Match("crossing*", clip.Name); err != nil || !matched {
			continue
		}
		t.Run(clip.Name, func(t *testing.T) {
			dir := t.TempDir()
			mustRun(t, dir, "registry", "init")
			all := filepath.Join(dir, "all.json")
			mustRun(t, dir, "analyze", clip.Path(), "-o", all, "--k", "1")
			l := readList(t, all)
			people := map[int64]int{} // enrolled → of the truth
			for _, p := range l.Persons {
				if p.Registry != 0 {
					people[p.Registry] = most(seenAs(&clip, l.ByFrame(), func(j decisions.Job) bool { return j.Track.Person == p.ID }))
				}
			}
			shown := map[int]bool{}
			for id, who := range people {
				cast := filepath.Join(dir, fmt.Sprint("keep", id, ".json"))
				mustRun(t, dir, "analyze", clip.Path(), "-o", cast, "--k", "1", "--keep", fmt.Sprint(id))
				jobs := readList(t, cast).ByFrame()
				kept := seenAs(&clip, jobs, func(j decisions.Job) bool { return j.Action == decisions.Keep })
				if exposed := exposures(&clip, jobs, who); len(exposed) > 0 {
					t.Errorf("person %d kept, who is %d: clear %v; others exposed: %v", id, who, kept, exposed)
				}
				if kept[who] > 0 {
					shown[who] = true
				}
				t.Logf("person %d kept, who is %d: clear frames of the truth's people %v", id, who, kept)
			}
			// Somebody whom the registry has twice may be vouched for as one of the two only.
			if len(shown) < 2 {
				t.Errorf("of the truth's people only %v were ever shown clear, of %v", shown, people)
			}
		})
	}
}

// seenAs counts in how many frames each person of the truth has a face where one of those jobs is.
func seenAs(clip *testcrowd.Clip, jobs map[int64][]decisions.Job, which func(decisions.Job) bool) map[int]int {
	n := map[int]int{}
	for f, truth := range clip.Faces {
		for _, face := range truth {
			for _, j := range jobs[int64(f)] {
				if which(j) && j.Face.Rect().IoU(face.Rect()) > .5 && face.Visible > .6 {
					n[face.Person]++
				}
			}
		}
	}
	return n
}

// most is who has the largest count; -1 when nobody has one.
func most(counts map[int]int) int {
	who := -1
	for p, n := range counts {
		if best := counts[who]; n > best || n == best && p < who {
			who = p
		}
	}
	return who
}

// exposures are the frames in which anybody but the person who is kept is not hidden.
func exposures(clip *testcrowd.Clip, jobs map[int64][]decisions.Job, who int) (exposed []string) {
	whole := frame.Rect{X1: float64(clip.Width), Y1: float64(clip.Height)}
	for f, truth := range clip.Faces {
		for _, face := range truth {
			if face.Person == who || face.Visible < crowdVisible || face.Rect().H() < crowdLeast {
				continue
			}
			if h := hidesWithoutKept(face.Rect().Intersect(whole), jobs[int64(f)]); h < crowdHidden {
				exposed = append(exposed, fmt.Sprintf("frame %d: person %d (%.2f hidden, %.2f visible)", f, face.Person, h, face.Visible))
			}
		}
	}
	return exposed
}
