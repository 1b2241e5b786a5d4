package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/report"
)

var update = flag.Bool("update", false, "rewrite the test vectors")

// The vectors that docs/ledger-format.md names: for whoever writes another auditor.
func TestVectors(t *testing.T) {
	names := []string{"report.json", "ledger.jsonl", "output.bin"}
	if *update {
		p := produce(t)
		for i, b := range [][]byte{p.text(t), p.ledger, p.output} {
			writeVector(t, names[i], b)
		}
		writeVector(t, "networks", []byte(strings.Repeat("cd", 32)+"  detector\n"))
	}
	var out, errs bytes.Buffer
	code := Run([]string{"--models", "testdata/networks", "testdata/report.json", "testdata/ledger.jsonl", "testdata/output.bin"}, nil, &out, &errs)
	if code != exitValid {
		t.Fatalf("exit %d; after a change of the report's words rewrite the vectors with -update\n%s%s", code, out.String(), errs.String())
	}
	if *update {
		writeVector(t, "audit.txt", out.Bytes())
	}
	if want := readVector(t, "audit.txt"); out.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// tampered are the vectors of folders beside the whole ones. Each holds only the files that differ from those, and what an
// audit has to say. The change is made by a function, the check and the reason are what it must be found by.
var tampered = map[string]struct {
	change        func(*testing.T, vectors)
	check, reason string
}{
	"a-byte-of-the-report": {func(t *testing.T, v vectors) {
		flip(t, v["report.json"], `"tracks": 0`, 10)
	}, "release", "the report was changed since"},
	"a-byte-of-the-ledger": {func(t *testing.T, v vectors) {
		flip(t, v["ledger.jsonl"], `"kind":"partition"`, 23)
	}, "ledger", "its hash is"},
	"a-byte-of-the-output":     {func(_ *testing.T, v vectors) { v["output.bin"][3] ^= 1 }, "output", "its SHA-256 is"},
	"a-network-exchanged":      {func(t *testing.T, v vectors) { flip(t, v["report.json"], strings.Repeat("cd", 32), 1) }, "networks", "the list says"},
	"a-cluster-below-k":        {func(t *testing.T, v vectors) { v.shrink(t, false) }, "clusters", "fewer than k = 3"},
	"a-release-below-k":        {func(t *testing.T, v vectors) { v.shrink(t, true) }, "ledger", "2 distinct people, released as k = 3"},
	"a-ledger-without-its-end": {func(_ *testing.T, v vectors) { v["ledger.jsonl"] = lines(v["ledger.jsonl"], 0, 14) }, "release", "exported before the run ended"},
}

// vectors are the files of an audit by name.
type vectors map[string][]byte

func whole(t *testing.T) vectors {
	v := vectors{}
	for _, name := range []string{"report.json", "ledger.jsonl", "output.bin", "networks"} {
		v[name] = readVector(t, name)
	}
	return v
}

// flip changes the lowest bit of one byte, counted from where a text begins.
func flip(t *testing.T, b []byte, text string, at int) {
	t.Helper()
	i := bytes.Index(b, []byte(text))
	if i < 0 {
		t.Fatalf("%q is not in the vector", text)
	}
	b[i+at] ^= 1
}

// shrink lets a cluster on screen lose a member before the run, in a ledger whose hashes are right and a report that names
// its head. released adds the release row that a forger would write, which no replay accepts.
func (v vectors) shrink(t *testing.T, released bool) {
	t.Helper()
	p := production{output: v["output.bin"]}
	if err := json.Unmarshal(v["report.json"], &p.report); err != nil {
		t.Fatal(err)
	}
	rows, err := ksame.ReadLedger(bytes.NewReader(lines(v["ledger.jsonl"], 0, p.report.Ledger.Rows)))
	if err != nil {
		t.Fatal(err)
	}
	s, err := ksame.Replay(rows)
	if err != nil {
		t.Fatal(err)
	}
	small := p.report.Clusters[0].ID
	row, err := s.Add(ksame.Row{Kind: ksame.Recount, Cluster: ksame.ClusterID(small), Distinct: 2})
	if err != nil {
		t.Fatal(err)
	}
	rows = append(rows, row)
	p.report.Ledger = report.Ledger{Rows: len(rows), Head: row.Hash}
	if released {
		var of []ksame.ClusterID
		for _, c := range p.report.Clusters {
			of = append(of, ksame.ClusterID(c.ID))
		}
		rows = append(rows, s.Seal(ksame.Row{Kind: ksame.Release, K: 3, Of: of, Digest: p.report.Output.SHA256}))
	}
	var b bytes.Buffer
	if err := ksame.WriteLedger(&b, rows); err != nil {
		t.Fatal(err)
	}
	v["report.json"], v["ledger.jsonl"] = p.text(t), b.Bytes()
}

// What was tampered with is found, in the committed files, word for word.
func TestTamperedVectors(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(tampered)) {
		t.Run(name, func(t *testing.T) {
			tc, dir := tampered[name], filepath.Join("tampered", name)
			if *update {
				v, was := whole(t), whole(t)
				tc.change(t, v)
				for file, b := range v {
					if !bytes.Equal(b, was[file]) {
						writeVector(t, filepath.Join(dir, file), b)
					}
				}
			}
			at := func(file string) string {
				if own := filepath.Join("testdata", dir, file); exists(own) {
					return own
				}
				return filepath.Join("testdata", file)
			}
			var out, errs bytes.Buffer
			code := Run([]string{"--models", at("networks"), at("report.json"), at("ledger.jsonl"), at("output.bin")}, nil, &out, &errs)
			if *update {
				writeVector(t, filepath.Join(dir, "audit.txt"), out.Bytes())
			}
			failed := ""
			for _, l := range strings.Split(out.String(), "\n") {
				if strings.HasPrefix(l, "FAIL  "+tc.check+" ") {
					failed = l
				}
			}
			if code != exitInvalid || !strings.Contains(failed, tc.reason) || errs.Len() > 0 {
				t.Errorf("exit %d, want a failed %s with %q:\n%s%s", code, tc.check, tc.reason, out.String(), errs.String())
			}
			if want := readVector(t, filepath.Join(dir, "audit.txt")); out.String() != string(want) {
				t.Errorf("got\n%s\nwant\n%s", out.String(), want)
			}
		})
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func readVector(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeVector(t *testing.T, name string, b []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}
