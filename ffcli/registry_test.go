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
	// Given again, the command takes nothing twice; a list of the same files adds nobody.
	if _, errs = mustRun(t, dir, "registry", "enroll", filepath.Join(dir, "cast")); !strings.Contains(errs, "0 enrolled, 0 refused, 2 were there already") {
		t.Errorf("the same folders again:\n%s", errs)
	}
	people := filepath.Join(dir, "people.csv")
	if err := os.WriteFile(people, []byte("path,person\ncast/person0/0.png,Ann\ncast/person1/1.png,Bob\ncast/person0/1.png,Ann\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, errs = mustRun(t, dir, "registry", "enroll", "--csv", people); !strings.Contains(errs, "0 enrolled, 0 refused, 2 were there already") {
		t.Errorf("a list of the same files:\n%s", errs)
	}
	if out, _ = mustRun(t, dir, "registry", "show", "1"); !strings.Contains(out, "sample 2  quality") {
		t.Errorf("show:\n%s", out)
	}
	mixed := filepath.Join(dir, "mixed")
	if err := os.Mkdir(mixed, 0o755); err != nil {
		t.Fatal(err)
	}
	for i, crop := range []string{"crop=400:400:150:110", "crop=400:400:700:110"} {
		testvideo.FFmpeg(t, dir, "-i", absolute(t, sampleClip), "-vf", "select=eq(n\\,30),"+crop, "-frames:v", "1", filepath.Join(mixed, fmt.Sprint(i, ".png")))
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

// Who is who is corrected without a network; what cannot be undone has to be said.
func TestCorrections(t *testing.T) {
	dir := t.TempDir()
	enrolSeven(t, dir)
	for _, tc := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"partition", "--k", "9"}, exitTooFew, "8 distinct people are enrolled, k = 9"},
		{[]string{"merge", "1"}, exitUsage, "at least 2"},
		{[]string{"merge", "1", "x"}, exitUsage, "is no id"},
		{[]string{"merge", "1", "99"}, exitFailed, "no such person"},
		{[]string{"merge", "1", "2"}, exitDone, "1 ids are person 1 now"},
		{[]string{"merge", "1", "2"}, exitFailed, "no such person"},
		{[]string{"split", "1"}, exitUsage, "--sample"},
		{[]string{"split", "1", "--sample", "9"}, exitFailed, "samples"},
		{[]string{"split", "1", "--sample", "2"}, exitDone, "person 10 is a person of their own"},
		{[]string{"forget", "3"}, exitUsage, "--yes"},
		{[]string{"forget", "3", "--yes"}, exitDone, "1 forgotten"},
		{[]string{"partition", "--k", "3"}, exitDone, "1 people appended"},
		{[]string{"check"}, exitDone, "ok: "},
	} {
		code, out, errs := ksamenet(t, dir, append([]string{"registry"}, tc.args...)...)
		if code != tc.code || !strings.Contains(out+errs, tc.says) {
			t.Errorf("%v: exit %d, want %d and %q\n%s%s", tc.args, code, tc.code, tc.says, out, errs)
		}
	}
}

func TestPeopleLists(t *testing.T) {
	for _, tc := range []struct{ name, text, says string }{
		{"no columns", "a,b\n1,2\n", "person and path are needed"},
		{"nobody", "person,path\n", "names nobody"},
		{"an empty name", "person,path\n,x.png\n", "line 2"},
		{"two strata", "person,path,stratum\nA,x.png,young\nA,y.png,old\n", "line 3"},
		{"a line too short", "person,path\nA\n", "wrong number of fields"},
	} {
		path := filepath.Join(t.TempDir(), "people.csv")
		if err := os.WriteFile(path, []byte(tc.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := readPeople(path); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: error %v", tc.name, err)
		}
	}
	path := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(path, []byte("person,stratum,path\nA,,x.png\nB,old,/y.png\nA,young,z.png\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	people, err := readPeople(path)
	if err != nil || len(people) != 2 || people[0].stratum != "young" || len(people[0].pictures) != 2 || people[1].pictures[0] != "/y.png" ||
		people[0].pictures[0] != filepath.Join(filepath.Dir(path), "x.png") {
		t.Errorf("%+v, %v", people, err)
	}
}
