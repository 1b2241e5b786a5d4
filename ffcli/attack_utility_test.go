//go:build e2e

package ffcli

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/attack"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/ffcli/internal/av"
	"github.com/ksamenet/ksamenet/internal/testvideo"
)

var updateUtility = flag.Bool("update-utility", false, "write the rows of the table in docs/attack.md that says how talking clips are followed")

// What must be left of a performance, as means over clips and surrogates.
const (
	mouthBar, blinkBar, yawBar, pictureBar = .9, .8, .95, .95
	detectionBar                           = .98
	utilityCRF                             = 18 // of outputs and of recompressed originals
)

// talking are clips whose people move mouth, lids or head by more than the mesh's noise. The first few stand for them in a quick run;
// KSAMENET_CLIPS_MATCH chooses others.
var talking = []string{"asl_hungry", "asl_night", "asl_walk", "asl_learn", "asl_bird", "asl_want", "asl_sorry", "asl_brother", "asl_again", "asl_yes",
	"asl_book", "asl_please", "asl_school", "asl_student", "intel_head-pose-face-detection-female", "intel_head-pose-face-detection-male"}

const fewTalking = 3

// measured is what one clip came to: the originals recompressed, which bounds what can be measured, and each surrogate.
type measured struct {
	clip   string
	again  attack.Utility
	output []attack.Utility
}

// Surrogates speak, blink and turn as the people of talking clips do: of three clips with two surrogates each, or of all with KSAMENET_DRAWS
// surrogates each, of a draw of donors of their own. With -update-utility the rows of docs/attack.md are renewed.
func TestClipsPerformance(t *testing.T) {
	draws, names := 2, talking[:fewTalking]
	if v := os.Getenv("KSAMENET_DRAWS"); v != "" {
		var err error
		if draws, err = strconv.Atoi(v); err != nil || draws < 1 {
			t.Fatalf("KSAMENET_DRAWS=%s: a number from 1, please", v)
		}
		names = talking
	}
	var clips []string
	if os.Getenv("KSAMENET_CLIPS_MATCH") != "" {
		clips = clipsOf(t, "*.mp4")
	} else {
		for _, name := range names {
			clips = append(clips, clipsOf(t, name+".mp4")...)
		}
	}
	eyes, err := attack.Open(t.Context(), "", infer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer eyes.Close()
	var all []measured
	for _, clip := range clips {
		t.Run(filepath.Base(clip), func(t *testing.T) {
			tmp := t.TempDir()
			m := measured{clip: strings.TrimSuffix(filepath.Base(clip), ".mp4")}
			d := duel{original: clip, decisions: filepath.Join(tmp, "cast.json"), output: filepath.Join(tmp, "again.mkv")}
			mustRun(t, tmp, "registry", "init")
			mustRun(t, tmp, "analyze", clip, "-o", d.decisions, "--uncertified")
			testvideo.FFmpeg(t, tmp, "-i", clip, "-an", "-c:v", "libx264", "-crf", strconv.Itoa(utilityCRF), d.output)
			m.again = utilityOf(t, eyes, d)
			for draw := range draws {
				r := rand.New(rand.NewPCG(0, uint64(draw)))
				d.output = redrawn(t, tmp, d, r.Perm(pipeline.Proxies)[:4], false, utilityCRF)
				m.output = append(m.output, utilityOf(t, eyes, d))
			}
			t.Logf("| %s |", strings.Join(m.row(), " | "))
			all = append(all, m)
		})
	}
	if *updateUtility {
		var rows [][]string
		for _, m := range all {
			rows = append(rows, m.row())
		}
		tabulateRows(t, "attack.md", "<!-- talking clips -->", rows)
	}
	for name, bar := range map[string]float64{"mouth": mouthBar, "blink": blinkBar, "yaw": yawBar, "landmarks in the picture": pictureBar} {
		sum, count := 0., 0
		for _, m := range all {
			for _, u := range m.output {
				if v, ok := figure(u, name); ok {
					sum, count = sum+v, count+1
				}
			}
		}
		if count > 0 {
			t.Logf("%s: %.3f on average of %d outputs", name, sum/float64(count), count)
			if sum/float64(count) < bar {
				t.Errorf("%s: %.3f, the bar is %v", name, sum/float64(count), bar)
			}
		}
	}
	for i, by := range attack.Detectors {
		var in, out float64
		for _, m := range all {
			for _, u := range m.output {
				in, out = in+u.Detection[i].Original*float64(u.Faces), out+u.Detection[i].Output*float64(u.Faces)
			}
		}
		t.Logf("%s: %.0f faces in the originals, %.0f in the outputs", by, in, out)
		if out < detectionBar*in {
			t.Errorf("%s sees %.0f of %.0f faces in the outputs", by, out, in)
		}
	}
}

// utilityOf measures a pair.
func utilityOf(t *testing.T, eyes *attack.Eyes, d duel) attack.Utility {
	t.Helper()
	w, err := attack.NewWatcher(eyes, attack.Config{Utility: true, Every: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	faces, err := facesOf(eyes, d)
	if err != nil {
		t.Fatal(err)
	}
	if err := decodePair(t.Context(), d.original, d.output, av.View{}, func(original, output *frame.Picture) error {
		f, err := faces(t.Context(), original)
		if err != nil {
			return err
		}
		return w.Pair(t.Context(), original, output, f)
	}); err != nil {
		t.Fatal(err)
	}
	u, err := attack.Measure(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// figure is one of u's correlations; ok is false where nothing moved enough to be measured.
func figure(u attack.Utility, name string) (v float64, ok bool) {
	c := map[string]attack.Channel{"mouth": u.Mouth, "blink": u.Blink, "yaw": u.Yaw}
	switch name {
	case "landmarks in the picture":
		return u.LandmarksPicture, u.LandmarksPicture != 0
	case "landmarks":
		return u.Landmarks, u.Landmarks != 0
	}
	return c[name].Correlation, c[name].Tracks > 0
}

// row is m in the table: of each figure what the recompressed original reaches, and the surrogates.
func (m *measured) row() []string {
	cells := []string{m.clip}
	for _, name := range []string{"mouth", "blink", "yaw", "landmarks in the picture", "landmarks"} {
		again, ok := figure(m.again, name)
		if !ok {
			cells = append(cells, "")
			continue
		}
		var all []string
		for _, u := range m.output {
			v, _ := figure(u, name)
			all = append(all, short(v))
		}
		cells = append(cells, fmt.Sprintf("%s: %s", short(again), strings.Join(all, " ")))
	}
	added := 0.
	for _, u := range m.output {
		added += u.Flicker.Added / float64(len(m.output))
	}
	return append(cells, fmt.Sprintf("%+.1f", added))
}

// short is a correlation as documents write it.
func short(v float64) string { return strings.Replace(fmt.Sprintf("%.2f", v), "0.", ".", 1) }
