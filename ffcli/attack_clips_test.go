//go:build e2e

package ffcli

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/attack"
	"github.com/ksamenet/ksamenet/internal/require"
	"github.com/ksamenet/ksamenet/internal/testvideo"
)

// The sweep on people of the clips in KSAMENET_CLIPS whose identity is known (asl_identities.csv there), and on two others: 7
// people in 16 recordings, of which the first half is the gallery and the second half the probe.
func TestSweepOfClips(t *testing.T) {
	needNetworks(t)
	clips := os.Getenv("KSAMENET_CLIPS")
	if clips == "" {
		require.Missing(t, "clips", "KSAMENET_CLIPS names no folder")
	}
	f, err := os.Open(filepath.Join(clips, "asl_identities.csv"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	dir := t.TempDir()
	set := []string{"original,person"}
	for _, r := range rows[1:] {
		set = append(set, filepath.Join(clips, r[0])+","+r[1])
	}
	for _, n := range []string{"female", "male"} {
		clip := filepath.Join(dir, n+".mkv")
		testvideo.FFmpeg(t, dir, "-i", filepath.Join(clips, "video", "intel_head-pose-face-detection-"+n+".mp4"), "-an", "-frames:v", "60", "-c:v", "libx264", "-crf", "12", clip)
		set = append(set, clip+","+n)
	}
	if err := os.WriteFile(filepath.Join(dir, "pairs.csv"), []byte(strings.Join(set, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	doc := filepath.Join(dir, "sweep.json")
	code, table, errs := ksamenet(t, dir, "attack", "--k", "1,2,3,5", "--dataset", dir, "--step", "6", "--every", "3", "--seed", "1", "--json", doc)
	t.Logf("exit %d\n%s", code, table)
	var s attack.Sweep
	if err := json.Unmarshal(read(t, doc), &s); err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
	if s.People != 7 || len(s.Runs) != 4 {
		t.Errorf("%d people, %d runs; left out: %v", s.People, len(s.Runs), s.Left)
	}
	for _, p := range s.Beaten() {
		t.Errorf("beaten: %+v", p)
	}
	for _, by := range attack.Recognizers {
		if p := s.Point(attack.Parrot, by, attack.FaceOnly, 1); p == nil || p.Rank1 < .5 {
			t.Errorf("parrot with %s at k = 1: %+v", by, p)
		}
	}
}
