package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTableIsRewrittenBetweenTheMarks(t *testing.T) {
	doc := filepath.Join(t.TempDir(), "doc.md")
	if err := os.WriteFile(doc, []byte("before\n"+begin+"old\n"+end+"after\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	rows := []row{{clip: clip{width: 1280, height: 720, faces: 1}, name: "identity", wall: .25, cpu: .5, p95: 1, held: 400, blur: .125}}
	for range 2 {
		if err := write(doc, section(rows, live{clip: rows[0].clip, due: 73, dropped: 3, cpu: 1.5, p95: 20, worst: 30, held: 400, seconds: 2.4})); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	got := string(b)
	for _, want := range []string{"before\n" + begin, end + "after\n", "| 1280x720 | 1 | `identity` | 0.25 | 0.50 | 400 + 1.0 | 0.12 |", "70 of 73 pictures came out, 4 % were dropped", "CPU 150 %"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "old") || strings.Count(got, begin) != 1 {
		t.Errorf("the old section is there still:\n%s", got)
	}
	if err := write(os.DevNull, ""); err == nil {
		t.Error("a document without marks was written to")
	}
}

func TestOrderStatistics(t *testing.T) {
	if m := median([]float64{5, 1, 9, 2}); m != 3.5 {
		t.Errorf("median %v", m)
	}
	var v []time.Duration
	for i := range 101 {
		v = append(v, time.Duration(100-i)*time.Millisecond)
	}
	if p := p95(v); p != 95 {
		t.Errorf("95th percentile %v", p)
	}
}

// The document has the marks.
func TestDocumentHasMarks(t *testing.T) {
	b, err := os.ReadFile("../../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	if i, j := strings.Index(string(b), begin), strings.Index(string(b), end); i < 0 || j < i {
		t.Errorf("marks at %d and %d", i, j)
	}
}
