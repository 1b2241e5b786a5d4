//go:build e2e

package ffcli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/report"
	"github.com/ksamenet/ksamenet/internal/require"
)

// The program on clips of real people, in the folder that KSAMENET_CLIPS names: every frame and every other stream is
// kept, every face that was found is replaced or covered, and nothing is left behind. KSAMENET_CLIPS_MATCH chooses clips
// by a shell pattern; by default four that differ.
func TestClips(t *testing.T) {
	needNetworks(t)
	dir := os.Getenv("KSAMENET_CLIPS")
	if dir == "" {
		require.Missing(t, "clips", "KSAMENET_CLIPS names no folder")
	}
	var clips []string
	patterns := []string{"asl_bird.mp4", "portraits_pan_1080p.mp4", "asl_wall_1080p.mp4", "intel_face-demographics-walking.mp4"}
	if p := os.Getenv("KSAMENET_CLIPS_MATCH"); p != "" {
		patterns = []string{p}
	}
	for _, p := range patterns {
		found, err := filepath.Glob(filepath.Join(dir, "video", p))
		if err != nil || len(found) == 0 {
			t.Fatalf("no clip %s in %s (%v)", p, dir, err)
		}
		clips = append(clips, found...)
	}
	for _, clip := range clips {
		t.Run(filepath.Base(clip), func(t *testing.T) {
			tmp := t.TempDir()
			mustRun(t, tmp, "registry", "init")
			out := filepath.Join(tmp, "out"+filepath.Ext(clip))
			_, errs := mustRun(t, tmp, "redact", clip, "-o", out, "--uncertified", "--k", "3")
			sameStreams(t, clip, out)
			var rep report.Report
			if err := json.Unmarshal(read(t, out+".report.json"), &rep); err != nil {
				t.Fatal(err)
			}
			c := rep.Coverage
			if c.Uncovered != 0 || c.Faces != c.Replaced+c.Covered || rep.Input.Frames != rep.Output.Frames {
				t.Errorf("%+v\n%s", c, errs)
			}
			if strings.Contains(clip, "noface") == (c.Replaced > 0) {
				t.Errorf("%d faces were replaced", c.Replaced)
			}
			t.Logf("%d frames, %d people, %d replaced, %d covered", rep.Output.Frames, rep.People, c.Replaced, c.Covered)
			noLeftovers(t, tmp)
		})
	}
}
