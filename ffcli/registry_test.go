package ffcli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/internal/testvideo"
)

// A folder of pictures is one person: a stranger's picture among them is refused; folders in a folder are people.
func TestEnroll(t *testing.T) {
	needNetworks(t)
	dir := t.TempDir()
	mustRun(t, dir, "registry", "init")
	// Two people of the sample's first shot, two pictures each, at their places there.
	for i, crop := range []string{"crop=400:400:150:110", "crop=400:400:700:110"} {
		for j, frame := range []string{"5", "60"} {
			p := filepath.Join(dir, "cast", fmt.Sprint("person", i), fmt.Sprint(j, ".png"))
			if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
				t.Fatal(err)
			}
			testvideo.FFmpeg(t, dir, "-i", absolute(t, sampleClip), "-vf", "select=eq(n\\,"+frame+"),"+crop, "-frames:v", "1", p)
		}
	}
	_, errs := mustRun(t, dir, "registry", "enroll", filepath.Join(dir, "cast"))
	if !strings.Contains(errs, "2 enrolled, 0 refused") {
		t.Errorf("two folders:\n%s", errs)
	}
	out, _ := mustRun(t, dir, "registry", "list")
	if !strings.Contains(out, "person0") || !strings.Contains(out, "person1") || strings.Count(out, "\n") != 3 {
		t.Errorf("list:\n%s", out)
	}
	mixed := filepath.Join(dir, "mixed")
	if err := os.Mkdir(mixed, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if err := os.WriteFile(filepath.Join(mixed, fmt.Sprint(i, ".png")), read(t, filepath.Join(dir, "cast", fmt.Sprint("person", i), "0.png")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, errs = mustRun(t, dir, "registry", "enroll", mixed)
	if !strings.Contains(errs, "does not look like the other pictures") {
		t.Errorf("two people in one folder:\n%s", errs)
	}
	wall := filepath.Join(dir, "wall.png")
	testvideo.FFmpeg(t, dir, "-i", absolute(t, sampleClip), "-vf", "crop=200:100:0:0", "-frames:v", "1", wall)
	code, _, errs := ksamenet(t, dir, "registry", "enroll", wall)
	if code != exitIncomplete || !strings.Contains(errs, "no face was found") {
		t.Errorf("a wall: exit %d\n%s", code, errs)
	}
}
