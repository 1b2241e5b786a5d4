package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/attack"
)

// The document's figures are those of the sweep; what was never finished, or measured, has none.
func TestAttackTable(t *testing.T) {
	tried := func(name, by, channel string, hits int) attack.Attack {
		a := attack.Attack{Attack: name, Recognizer: by, Channel: channel, People: 4, Hits: hits, Claim: .5}
		for i := range 4 {
			p := attack.Person{Person: string(rune('a' + i)), Group: uint64(1 + i/2), Found: string(rune('a' + i))}
			if i >= hits {
				p.Found = string(rune('a' + (i ^ 1)))
			}
			a.PerPerson = append(a.PerPerson, p)
		}
		return a
	}
	doc := attack.Sweep{Format: attack.SweepFormat, Version: attack.SweepVersion, People: 4, Runs: []attack.Run{{K: 2, Fold: 1, Attacks: []attack.Attack{
		tried(attack.Parrot, "sface", attack.FaceOnly, 4), tried(attack.Parrot, "dlib", attack.FaceOnly, 2), tried(attack.Linkage, "dlib", attack.FaceOnly, 0),
		tried(attack.ClusterLeak, "sface", attack.Pose, 2), tried(attack.ClusterLeak, "sface", attack.Tone, 4)}}}}
	doc.Finish()
	s := setup{sweep: filepath.Join(t.TempDir(), "sweep.json")}
	if _, err := attackTable(s); err == nil || !strings.Contains(err.Error(), "make attack-example") {
		t.Errorf("no sweep: %v", err)
	}
	f, err := os.Create(s.sweep)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.WriteJSON(f); err != nil {
		t.Fatal(err)
	}
	f.Close()
	text, err := attackTable(s)
	for _, want := range []string{"| hits of 4 | k = 2 |", "| claimed, at most | 2 |", "| parrot, `face` | 4 (0.25), 2 (0.75) |", "the most | 2 (0.75) |", "0 of 4", "No claim is beaten", "4 tests that are judged is 0.25 (parrot, sface, face, k = 2)"} {
		if !strings.Contains(text, want) {
			t.Errorf("%v; no %q in\n%s", err, want, text)
		}
	}
	if _, err := expressionText(s); err == nil {
		t.Error("expressions of a sweep without utility")
	}
}
