package ffcli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ksamenet/ksamenet/core/registry"
	"github.com/ksamenet/ksamenet/internal/testvideo"
)

// programVariable makes the test's binary behave as the program, for tests that kill it.
const programVariable = "KSAMENET_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programVariable) != "" {
		os.Exit(Run(context.Background(), append([]string{"ksamenet"}, os.Args[1:]...), os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// firstShot is a clip of the sample's beginning, which shows two people near and two far.
func firstShot(t *testing.T, dir, name string, frames int) string {
	t.Helper()
	path := filepath.Join(dir, name)
	testvideo.FFmpeg(t, dir, "-i", absolute(t, sampleClip), "-an", "-frames:v", fmt.Sprint(frames), path)
	return path
}

// everybody is the people of a registry with their samples.
func everybody(t *testing.T, dir string) []registry.Person {
	t.Helper()
	r, err := registry.Open(filepath.Join(dir, "people.db"), filepath.Join(dir, "key", "people.key"), registry.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	people, err := r.Persons(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return people
}

// A video enrols whom it shows, with the quality of what was seen, once; one that shows nobody says so. Its decision list
// enrols the same people; a face of the list that is none is refused with the reason.
func TestEnrollFromVideoAndList(t *testing.T) {
	needNetworks(t)
	t.Parallel()
	dir, other := t.TempDir(), t.TempDir()
	clip, cast := firstShot(t, dir, "clip.mp4", 14), filepath.Join(dir, "cast.json")
	mustRun(t, dir, "registry", "init")
	_, errs := mustRun(t, dir, "registry", "enroll", clip)
	people := everybody(t, dir)
	if !strings.Contains(errs, fmt.Sprintf("%d enrolled, 0 refused, 0 were there already", len(people))) || !strings.Contains(errs, "clip.mp4, person 2 (") || !strings.Contains(errs, "quality 0.") {
		t.Errorf("a video:\n%s", errs)
	}
	if len(people) < 2 || len(people) > 4 || people[0].Label != "clip.mp4, person 1" || people[0].Samples == 0 {
		t.Fatalf("%+v", people)
	}
	if _, errs = mustRun(t, dir, "registry", "enroll", clip); !strings.Contains(errs, "its people were enrolled before") || !strings.Contains(errs, "0 enrolled, 0 refused") {
		t.Errorf("the same video again:\n%s", errs)
	}
	wall := filepath.Join(dir, "wall.mp4")
	testvideo.FFmpeg(t, dir, "-i", absolute(t, sampleClip), "-an", "-vf", "crop=200:100:0:0", "-frames:v", "3", wall)
	if code, _, errs := ksamenet(t, dir, "registry", "enroll", wall); code != exitIncomplete || !strings.Contains(errs, "nobody was enrolled") {
		t.Errorf("a wall: exit %d\n%s", code, errs)
	}

	// Analysed with the registry, the clip holds the people whom it was made of, and nobody new.
	mustRun(t, dir, "analyze", clip, "-o", cast, "--k", "2")
	if n := len(everybody(t, dir)); n != len(people) {
		t.Errorf("%d people after the clip was analysed", n)
	}
	mustRun(t, other, "registry", "init")
	_, out, errs := ksamenet(t, other, "registry", "enroll", "--json", "--decisions", cast, clip)
	last := map[string]any{}
	if err := json.Unmarshal([]byte(out[strings.LastIndex(strings.TrimSpace(out), "\n")+1:]), &last); err != nil || last["event"] != "enrolled" || len(everybody(t, other)) < 2 || last["enrolled"] != float64(len(everybody(t, other))) {
		t.Fatalf("a list: %v\n%s\n%s", err, out, errs)
	}
	again := fmt.Sprintf(", %v were there already", last["enrolled"])
	if _, _, errs = ksamenet(t, other, "registry", "enroll", "--decisions", cast, clip); !strings.Contains(errs, "0 enrolled, ") || !strings.Contains(errs, again) {
		t.Errorf("the same list again:\n%s", errs)
	}
	// Somebody's boxes are drawn over the wall.
	l := mustReadList(t, cast)
	for i := range l.Tracks {
		if l.Tracks[i].Person == l.Persons[0].ID {
			l.Tracks[i].ID += 900 // other tracks: not what was enrolled before
			for j := range l.Tracks[i].Faces {
				l.Tracks[i].Faces[j].Box = [4]float64{2, 2, 40, 40}
			}
		}
	}
	var edited bytes.Buffer
	if err := l.Write(&edited); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cast, edited.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	code, _, errs := ksamenet(t, other, "registry", "enroll", "--decisions", cast, clip)
	if code != exitIncomplete || !strings.Contains(errs, "no face was found in the box") || !strings.Contains(errs, "0 enrolled, ") {
		t.Errorf("boxes on the wall: exit %d\n%s", code, errs)
	}
}

// A list of pictures: good ones make people, junk is refused with its reason, a double is found. The program is killed while
// it reads a video that comes after the pictures; the same command goes on where it stopped.
func TestEnrollKilled(t *testing.T) {
	needNetworks(t)
	t.Parallel()
	dir := t.TempDir()
	mustRun(t, dir, "registry", "init")
	crop := func(name, filter string) {
		testvideo.FFmpeg(t, dir, "-i", absolute(t, sampleClip), "-vf", filter, "-frames:v", "1", filepath.Join(dir, name))
	}
	crop("ann.png", "select=eq(n\\,5),crop=400:400:150:110")
	crop("bob.png", "select=eq(n\\,5),crop=400:400:700:110")
	crop("both.png", "select=eq(n\\,30)")
	crop("tiny.png", "select=eq(n\\,5),crop=400:400:150:110,scale=36:36")
	crop("wall.png", "crop=200:100:0:0")
	crop("again.png", "select=eq(n\\,60),crop=400:400:150:110")
	if err := os.WriteFile(filepath.Join(dir, "text.png"), []byte("no picture"), 0o644); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "people.csv")
	text := "person,path\nAnn,ann.png\nBob,bob.png\nBoth,both.png\nTiny,tiny.png\nWall,wall.png\nText,text.png\nNone,none.png\nAnna,again.png\n"
	if err := os.WriteFile(list, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	clip := filepath.Join(dir, "clip.mp4") // its last shot shows others, too
	testvideo.FFmpeg(t, dir, "-i", absolute(t, sampleClip), "-an", "-vf", "select=gte(n\\,240)", clip)
	args := []string{"registry", "enroll", "--csv", list, clip, "--registry", filepath.Join(dir, "people.db"), "--key-file", filepath.Join(dir, "key", "people.key")}

	child := exec.Command(os.Args[0], args...)
	child.Env = append(os.Environ(), programVariable+"=1")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(8 * time.Minute); len(everybody(t, dir)) < 2; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			_ = child.Process.Kill()
			t.Fatal("nobody was enrolled")
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil {
		t.Error("the program ended before it was killed: the test tries nothing")
	}
	if out, _ := mustRun(t, dir, "registry", "check"); !strings.Contains(out, "2 people") {
		t.Errorf("after the kill:\n%s", out)
	}

	code, _, errs := ksamenet(t, dir, args[:5]...)
	if code != exitIncomplete {
		t.Errorf("exit %d", code)
	}
	for _, want := range []string{
		"both.png: not used: 4 faces", "tiny.png: not used", "wall.png: not used: no face was found", "text.png", "none.png", "Wall: no usable picture; not enrolled",
		"5 refused, ", "5 of ",
	} {
		if !strings.Contains(errs, want) {
			t.Errorf("%q is not said:\n%s", want, errs)
		}
	}
	people := everybody(t, dir)
	if len(people) < 2 || people[0].Label != "Ann" || people[1].Label != "Bob" || people[0].Samples < 2 {
		t.Errorf("%+v", people)
	}
	mustRun(t, dir, "registry", "check")
}
