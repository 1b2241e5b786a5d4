package ffcli

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/attack"
)

const testPeople = "../internal/testpeople"

// A tiny data set, originals alone: the program redacts them for each k, attacks the outputs and writes all three documents.
func TestAttackSweep(t *testing.T) {
	needNetworks(t)
	t.Parallel()
	dir := t.TempDir()
	set := []string{"original,person,session,expression"}
	for _, p := range []string{"p01", "p05"} {
		for _, session := range []string{"1", "2"} {
			set = append(set, fmt.Sprintf("%s,%s,%s,", absolute(t, filepath.Join(testPeople, session, p+".mp4")), p, session))
		}
	}
	set = append(set, fmt.Sprintf("%s,p09,,", absolute(t, filepath.Join(testPeople, "1", "p09.mp4")))) // of whom there is one recording: halves
	if err := os.WriteFile(filepath.Join(dir, "pairs.csv"), []byte(strings.Join(set, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	doc, lines, page := filepath.Join(dir, "sweep.json"), filepath.Join(dir, "sweep.csv"), filepath.Join(dir, "sweep.html")
	code, table, errs := ksamenet(t, dir, "attack", "--k", "1,2,9", "--dataset", dir, "--step", "3", "--every", "5", "--seed", "3", "--donors", "3", "--json", doc, "--csv", lines, "--html", page)
	if code != exitDone {
		t.Fatalf("exit %d\n%s\n%s", code, table, errs)
	}
	var s attack.Sweep
	if err := json.Unmarshal(read(t, doc), &s); err != nil {
		t.Fatal(err)
	}
	if s.Format != attack.SweepFormat || s.People != 3 || s.Recordings != 5 || !slices.Equal(s.OneRecording, []string{"p09"}) || !strings.Contains(errs, "halves of one recording") || s.Donors != 3 || !slices.Equal(s.Ks(), []int{1, 2}) || !strings.Contains(errs, "k = 9") {
		t.Fatalf("%+v\n%s", s, errs)
	}
	if one, two := s.Runs[0], s.Runs[1]; one.Clusters != 3 || two.Clusters != 1 || two.Smallest != 3 || two.Intersection != 3 {
		t.Errorf("runs %+v, %+v", one, two)
	}
	for _, by := range attack.Recognizers {
		if p := s.Point(attack.Parrot, by, attack.FaceOnly, 1); p == nil || p.Trials != 2 || p.Hits < 1 {
			t.Errorf("parrot with %s does not see what it is shown: %+v", by, p)
		}
		for _, channel := range attack.Signals {
			if p := s.Point(attack.ClusterLeak, by, channel, 2); p == nil || p.Trials != 2 {
				t.Errorf("cluster-leak with %s through %s: %+v", by, channel, p)
			}
		}
	}
	// A cluster of everybody: two releases of it have nothing to be linked by but itself.
	if p := s.Point(attack.Linkage, "dlib", attack.FaceOnly, 2); p != nil {
		t.Errorf("linkage of one cluster: %+v", p)
	}
	f, err := os.Open(lines)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	trials := 1
	for _, r := range s.Runs {
		for _, a := range r.Attacks {
			trials += a.People
		}
	}
	if rows, err := csv.NewReader(f).ReadAll(); err != nil || len(rows) != trials {
		t.Errorf("%d lines for %d trials, %v", len(rows), trials-1, err)
	}
	if html := string(read(t, page)); !strings.Contains(html, "<polyline") || strings.Contains(html, "<img") {
		t.Error("the page has no curve, or has a picture")
	}
	noLeftovers(t, dir)
}

func TestFolds(t *testing.T) {
	people := []string{"a", "b", "c", "d", "e", "f"}
	all, err := foldsOf(people, 1, 0, 5)
	if err != nil || len(all) != 1 || !slices.Equal(all[0], people) {
		t.Fatalf("%v, %v", all, err)
	}
	one, err := foldsOf(people, 5, 4, 5)
	if err != nil || len(one) != 5 {
		t.Fatalf("%v, %v", one, err)
	}
	again, _ := foldsOf(people, 5, 4, 5)
	differ := false
	for i, f := range one {
		if len(f) != 4 || len(slices.Compact(slices.Clone(f))) != 4 || !slices.Equal(f, again[i]) {
			t.Errorf("fold %d: %v and %v", i, f, again[i])
		}
		differ = differ || !slices.Equal(f, one[0])
	}
	if !differ || !slices.Equal(people, []string{"a", "b", "c", "d", "e", "f"}) {
		t.Errorf("folds %v of %v", one, people)
	}
	for _, bad := range [][2]int{{0, 3}, {2, 7}, {1, 1}} {
		if _, err := foldsOf(people, bad[0], bad[1], 5); err == nil {
			t.Errorf("%d folds of %d people passed", bad[0], bad[1])
		}
	}
}
