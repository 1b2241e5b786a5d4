//go:build e2e

package ffcli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/internal/require"
	"github.com/ksamenet/ksamenet/internal/testvideo"
)

var updateCoverage = flag.Bool("update-coverage", false, "write the rows of docs/coverage.md")

// coverageLeast is the height of the smallest face that must be hidden, px.
const coverageLeast = 24

// clipsOf lists the clips of real people; KSAMENET_CLIPS_MATCH chooses some.
func clipsOf(t *testing.T, pattern string) []string {
	t.Helper()
	needNetworks(t)
	dir := os.Getenv("KSAMENET_CLIPS")
	if dir == "" {
		require.Missing(t, "clips", "KSAMENET_CLIPS names no folder")
	}
	if p := os.Getenv("KSAMENET_CLIPS_MATCH"); p != "" && pattern == "*.mp4" {
		pattern = p
	}
	found, err := filepath.Glob(filepath.Join(dir, "video", pattern))
	if err != nil || len(found) == 0 {
		t.Fatalf("no clip %s in %s (%v)", pattern, dir, err)
	}
	return found
}

// covered is a row of docs/coverage.md.
type covered struct {
	clip                          string
	frames, faces, people, looked int64 // of a list alone, faces are the frames that were looked at
	exposed                       int64 // frames
}

// cover redacts a clip as a user would, and looks over every frame of the output with both detectors at full scale.
func cover(t *testing.T, clip string) covered {
	t.Helper()
	dir := t.TempDir()
	mustRun(t, dir, "registry", "init")
	out, list := filepath.Join(dir, "out.mp4"), filepath.Join(dir, "cast.json")
	mustRun(t, dir, "redact", clip, "-o", out, "--uncertified", "--k", "3", "--write-decisions", list)
	l := readList(t, list)
	c := covered{clip: filepath.Base(clip), frames: l.Source.Frames, faces: l.Faces(), people: int64(len(l.Persons))}
	exposure(t, &c, "--decisions", list, clip, out)
	return c
}

// exposure asks both detectors at full scale.
func exposure(t *testing.T, c *covered, args ...string) {
	t.Helper()
	code, said, errs := ksamenet(t, t.TempDir(), append([]string{"verify", "--thorough", "--json", "--least", fmt.Sprint(coverageLeast)}, args...)...)
	if code != exitDone && code != exitIncomplete {
		t.Fatalf("verify: exit %d\n%s", code, errs)
	}
	for _, line := range strings.Split(strings.TrimSpace(said), "\n") {
		var e struct {
			Event          string
			Frame          int64
			Box            [4]int
			Score          float64
			Seen           int64
			Exposed_frames int64
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		switch e.Event {
		case "exposed":
			t.Errorf("%s: frame %d: %v is exposed (score %.2f)", c.clip, e.Frame, e.Box, e.Score)
		case "verified":
			c.looked, c.exposed = e.Seen, e.Exposed_frames
		}
	}
	t.Logf("%+v", *c)
}

// On every clip no face of 24 px or more that either detector sees at full scale, in any frame, is left unhidden. With
// -update-coverage the rows of docs/coverage.md are renewed for the clips that were looked at.
func TestCoverage(t *testing.T) {
	var rows []covered
	for _, clip := range clipsOf(t, "*.mp4") {
		t.Run(filepath.Base(clip), func(t *testing.T) { rows = append(rows, cover(t, clip)) })
	}
	if *updateCoverage {
		tabulate(t, "# Coverage", rows)
	}
}

// The same in the dark, and against the light: faces at a fifth of the light, highlights left as they were.
func TestCoverageInTheDark(t *testing.T) {
	var rows []covered
	for name, filter := range map[string]string{
		"dark":    "eq=gamma=0.45:brightness=-0.12",
		"backlit": "curves=all='0/0 0.35/0.05 0.6/0.14 0.85/0.5 1/1'",
	} {
		for _, clip := range []string{"asl_bird.mp4", "asl_night.mp4", "intel_head-pose-face-detection-female.mp4", "intel_head-pose-face-detection-male.mp4"} {
			in := clipsOf(t, clip)[0]
			t.Run(name+"/"+clip, func(t *testing.T) {
				dark := filepath.Join(t.TempDir(), strings.TrimSuffix(clip, ".mp4")+"-"+name+".mp4")
				testvideo.FFmpeg(t, filepath.Dir(dark), "-i", in, "-vf", filter, "-c:v", "libx264", "-crf", "16", "-an", dark)
				rows = append(rows, cover(t, dark))
			})
		}
	}
	if *updateCoverage {
		tabulate(t, "# Coverage", rows)
	}
}

// listLooks is how many frames of a clip TestCoverageOfLists looks at, about.
const listLooks = 40

// What pass 1 alone decides hides what either detector sees at full scale in the original: without the watch over the output, and
// without rendering, so that clips of any length can be looked at, in frames that are spread over them.
func TestCoverageOfLists(t *testing.T) {
	var rows []covered
	for _, clip := range clipsOf(t, "*.mp4") {
		t.Run(filepath.Base(clip), func(t *testing.T) {
			dir := t.TempDir()
			mustRun(t, dir, "registry", "init")
			list := filepath.Join(dir, "cast.json")
			mustRun(t, dir, "analyze", clip, "-o", list, "--uncertified", "--k", "3")
			l := readList(t, list)
			every := max(1, l.Source.Frames/listLooks)
			c := covered{clip: filepath.Base(clip), frames: l.Source.Frames, faces: (l.Source.Frames + every - 1) / every}
			exposure(t, &c, "--every", fmt.Sprint(every), "--decisions", list, clip, clip)
			rows = append(rows, c)
		})
	}
	if *updateCoverage {
		tabulate(t, "## What pass 1 decides", rows)
	}
}

// tabulate puts rows into the table after a heading of docs/coverage.md.
func tabulate(t *testing.T, heading string, rows []covered) {
	t.Helper()
	var all [][]string
	for _, r := range rows {
		all = append(all, []string{strings.TrimSuffix(r.clip, ".mp4"), fmt.Sprint(r.frames), fmt.Sprint(r.faces), fmt.Sprint(r.looked), fmt.Sprint(r.exposed)})
	}
	tabulateRows(t, "coverage.md", heading, all)
}

// tabulateRows puts rows into the table after a heading of a document, in place of those of the same clips, which their first cells name.
func tabulateRows(t *testing.T, document, heading string, rows [][]string) {
	t.Helper()
	path := filepath.Join("..", "docs", document)
	doc := string(read(t, path))
	from := strings.Index(doc, heading)
	from += strings.Index(doc[from:], "\n| ---") + 1
	from += strings.Index(doc[from:], "\n") + 1
	to := from + strings.Index(doc[from:]+"\n\n", "\n\n") + 1
	have := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(doc[from:to]), "\n") {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			have[strings.TrimSpace(cells[1])] = line
		}
	}
	for _, cells := range rows {
		have[cells[0]] = "| " + strings.Join(cells, " | ") + " |"
	}
	var names []string
	for n := range have {
		names = append(names, n)
	}
	sort.Strings(names)
	var table strings.Builder
	for _, n := range names {
		table.WriteString(have[n] + "\n")
	}
	if err := os.WriteFile(path, []byte(doc[:from]+table.String()+doc[to:]), 0o644); err != nil {
		t.Fatal(err)
	}
}

// mainPerson is who is on screen longest.
func mainPerson(l *decisions.List, first, last int64) decisions.Person {
	frames := map[int]int{}
	for f, jobs := range l.ByFrame() {
		for _, j := range jobs {
			if f >= first && f <= last && j.Action == decisions.Replace {
				frames[j.Track.Person]++
			}
		}
	}
	var best decisions.Person
	for _, p := range l.Persons {
		if frames[p.ID] > frames[best.ID] {
			best = p
		}
	}
	return best
}

// The same person in several files with one registry, and in several shots of one file, keeps identity, cluster and
// surrogate; no two people of asl_identities.csv become one.
func TestKnownPeople(t *testing.T) {
	clipsOf(t, "asl_again.mp4")
	root := os.Getenv("KSAMENET_CLIPS")
	table, err := csv.NewReader(bytes.NewReader(read(t, filepath.Join(root, "asl_identities.csv")))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	mustRun(t, dir, "registry", "init")
	// Somebody has to be there already for clusters of three.
	mustRun(t, dir, "analyze", sampleClip, "-o", filepath.Join(dir, "sample.json"), "--k", "3")
	known := map[string]decisions.Person{}
	names := map[int64]string{}
	donors := map[uint64]string{}
	shows := func(l *decisions.List, where string) {
		for _, c := range l.Clusters {
			if had, ok := donors[c.ID]; ok && had != fmt.Sprint(c.Donors) {
				t.Errorf("%s: cluster %d has another surrogate", where, c.ID)
			}
			donors[c.ID] = fmt.Sprint(c.Donors)
		}
	}
	right := 0
	for _, row := range table[1:] {
		cast := filepath.Join(dir, strings.ReplaceAll(row[0], "/", "-")+".json")
		mustRun(t, dir, "analyze", filepath.Join(root, row[0]), "-o", cast, "--k", "3")
		l := readList(t, cast)
		shows(l, row[0])
		p := mainPerson(l, 0, l.Source.Frames)
		had, again := known[row[1]]
		who, taken := names[p.Registry]
		switch {
		case p.Registry == 0:
			t.Errorf("%s: %s was not identified", row[0], row[1])
		case again && (had.Registry != p.Registry || had.Cluster != p.Cluster):
			t.Errorf("%s: %s is person %d of cluster %d, was %d of %d", row[0], row[1], p.Registry, p.Cluster, had.Registry, had.Cluster)
		case taken && who != row[1]:
			t.Errorf("%s: %s became one with %s", row[0], row[1], who)
		default:
			right++
		}
		known[row[1]], names[p.Registry] = p, row[1]
	}
	t.Logf("%d of %d clips: the right person, cluster and surrogate; %d people", right, len(table)-1, len(known))

	cast := filepath.Join(dir, "cuts.json")
	mustRun(t, dir, "analyze", filepath.Join(root, "video", "asl_cuts_720p_audio.mp4"), "-o", cast, "--k", "3")
	l := readList(t, cast)
	shows(l, "cuts")
	var shots []string
	for _, s := range l.Shots {
		who, ok := names[mainPerson(l, s.First, s.Last).Registry]
		if !ok {
			who = "?"
		}
		shots = append(shots, who)
	}
	if want := strings.Split(cutsShow, " "); !slices.Equal(shots, want) {
		t.Errorf("the shots show %v, want %v", shots, want)
	}
}

// cutsShow is who is in the ten shots of asl_cuts_720p_audio.mp4, looked at by eye.
const cutsShow = "A B A C D E C B D E"

// A real face that is moved across another one: whoever of the two is kept, the other one is hidden in every frame.
func TestKeepCrossingClips(t *testing.T) {
	names := [2]string{"asl_again.mp4", "asl_book.mp4"}
	dir := t.TempDir()
	mustRun(t, dir, "registry", "init")
	var who [2]int64
	var faces [2]map[int64]frame.Rect
	for i, name := range names {
		cast := filepath.Join(dir, name+".json")
		mustRun(t, dir, "analyze", clipsOf(t, name)[0], "-o", cast, "--k", "1")
		l := readList(t, cast)
		p := mainPerson(l, 0, l.Source.Frames)
		who[i], faces[i] = p.Registry, map[int64]frame.Rect{}
		for f, jobs := range l.ByFrame() {
			for _, j := range jobs {
				if j.Track.Person == p.ID {
					faces[i][f] = j.Face.Rect()
				}
			}
		}
	}
	// The second signer's head and shoulders, a part of 220 × 260 px, go from left to right over the first signer.
	const x, y, w, h, step = 190., 30., 220., 260., 11.
	clip := filepath.Join(dir, "crossing.mp4")
	testvideo.FFmpeg(t, dir, "-i", clipsOf(t, names[0])[0], "-i", clipsOf(t, names[1])[0], "-filter_complex",
		fmt.Sprintf("[1:v]crop=%v:%v:%v:%v[b];[0:v][b]overlay=x=-200+n*%v:y=20:shortest=1", w, h, x, y, step), "-frames:v", "70", "-c:v", "libx264", "-crf", "16", "-an", clip)
	whole := frame.Rect{X1: 640, Y1: 480}
	for i, name := range names {
		kept := filepath.Join(dir, fmt.Sprint("kept", i, ".json"))
		mustRun(t, dir, "analyze", clip, "-o", kept, "--k", "1", "--keep", fmt.Sprint(who[i]))
		jobs := readList(t, kept).ByFrame()
		clear, looked := 0, 0
		for f := range int64(70) {
			if slices.ContainsFunc(jobs[f], func(j decisions.Job) bool { return j.Action == decisions.Keep }) {
				clear++
			}
			patch := frame.Rect{X0: -200 + step*float64(f), Y0: 20, X1: -200 + step*float64(f) + w, Y1: 20 + h}
			other := faces[0][f]
			if i == 0 {
				o := faces[1][f]
				other = frame.Rect{X0: o.X0 - x + patch.X0, Y0: o.Y0 - y + patch.Y0, X1: o.X1 - x + patch.X0, Y1: o.Y1 - y + patch.Y0}
			} else if other.Intersect(patch).Area() > .3*other.Area() {
				continue // behind the kept one
			}
			if other.Empty() || other.Intersect(whole).Area() < .6*other.Area() {
				continue
			}
			looked++
			if share := hidesWithoutKept(other.Intersect(whole), jobs[f]); share < crowdHidden {
				t.Errorf("the person of %s is kept: in frame %d the other face at %.0f is hidden by %.2f", name, f, other, share)
			}
		}
		t.Logf("the person of %s is kept, clear in %d frames; the other one is hidden in %d", name, clear, looked)
		if clear < 20 || looked < 30 {
			t.Errorf("too little was seen")
		}
	}
}
