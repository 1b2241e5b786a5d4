//go:build e2e

package ffcli

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/attack"
	"github.com/ksamenet/ksamenet/internal/require"
)

// The sweep on people of the clips in KSAMENET_CLIPS whose identity is known (asl_identities.csv there), and on two others: 7
// people. Of four there are several recordings, every other one of which is the gallery; they are takes of one sitting, which the data
// set cannot say otherwise. Of three there is one recording, whose halves stand for two sessions and are not judged.
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
	films := map[string][]string{}
	for _, r := range rows[1:] {
		films[r[1]] = append(films[r[1]], filepath.Join(clips, r[0]))
	}
	for _, n := range []string{"female", "male"} {
		films[n] = []string{filepath.Join(clips, "video", "intel_head-pose-face-detection-"+n+".mp4")}
	}
	set := []string{"original,person,session"}
	for _, person := range slices.Sorted(maps.Keys(films)) {
		for i, film := range films[person] {
			session := fmt.Sprint(1 + i%2)
			if len(films[person]) == 1 {
				session = ""
			}
			set = append(set, fmt.Sprintf("%s,%s,%s", film, person, session))
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "pairs.csv"), []byte(strings.Join(set, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	doc := filepath.Join(dir, "sweep.json")
	code, table, errs := ksamenet(t, dir, "attack", "--k", "1,2,3,5", "--dataset", dir, "--step", "2", "--every", "5", "--seed", "1", "--json", doc)
	t.Logf("exit %d\n%s\n%s", code, table, errs)
	var s attack.Sweep
	if err := json.Unmarshal(read(t, doc), &s); err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
	if s.People != 7 || len(s.Runs) != 4 || len(s.OneRecording) != 3 {
		t.Errorf("%d people, %d runs, of one recording %v; left out: %v", s.People, len(s.Runs), s.OneRecording, s.Left)
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
