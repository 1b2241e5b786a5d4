package ffcli

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/registry"
	"github.com/ksamenet/ksamenet/internal/testvideo"
)

// From a film to an auditor's verdict: what redact wrote is valid with what export wrote, and no longer when a byte of report,
// ledger or output, or the list of networks, is another.
func TestRedactExportAudit(t *testing.T) {
	needNetworks(t)
	dir := t.TempDir()
	auditor := filepath.Join(dir, "ksame-audit")
	build := exec.Command("go", "build", "-o", auditor, "../cmd/ksame-audit")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	clip := filepath.Join(dir, "clip.mp4")
	testvideo.FFmpeg(t, dir, "-i", absolute(t, sampleClip), "-frames:v", "12", clip)
	out, ledger, sums := filepath.Join(dir, "out.mp4"), filepath.Join(dir, "ledger.jsonl"), filepath.Join(dir, "sums")
	report := out + ".report.json"
	mustRun(t, dir, "registry", "init")
	enrolAda(t, dir)
	mustRun(t, dir, "redact", clip, "-o", out, "--k", "3")
	mustRun(t, dir, "registry", "export", "-o", ledger)
	key := read(t, filepath.Join(dir, "key", "people.key"))
	for _, file := range []string{report, out + ".report.html", ledger} { // I12
		text := read(t, file)
		for what, secret := range map[string][]byte{
			"a name": []byte("Lovelace"), "the key": key, "the key in hex": []byte(hex.EncodeToString(key)), "the key in base64": []byte(base64.StdEncoding.EncodeToString(key)[:40]),
			"a folder": []byte(dir), "a file's name": []byte("clip.mp4"), "a list of numbers": []byte("0.0883883"),
		} {
			if bytes.Contains(text, secret) {
				t.Errorf("%s is in %s", what, filepath.Base(file))
			}
		}
	}
	networks, _ := mustRun(t, dir, "models", "sums")
	if err := os.WriteFile(sums, []byte(networks), 0o644); err != nil {
		t.Fatal(err)
	}
	audit := func() (valid bool, said string) {
		b, err := exec.Command(auditor, "--models", sums, report, ledger, out).CombinedOutput()
		return err == nil, string(b)
	}
	if valid, said := audit(); !valid || strings.Contains(said, "\n-") {
		t.Fatalf("untouched:\n%s", said)
	}
	page := read(t, out+".report.html")
	if bytes.Count(page, []byte("data:image/png;base64,")) == 0 || !bytes.Contains(page, []byte("CERTIFIED")) {
		t.Error("the page shows no surrogate")
	}
	for _, tc := range []struct {
		name, path string
		at         func(b []byte) int // of the byte that changes
		check      string
	}{
		{"a byte of the output", out, func(b []byte) int { return len(b) / 2 }, "output"},
		{"a byte of the ledger", ledger, func(b []byte) int { return len(b) / 2 }, "ledger"},
		{"a digit of a network's hash in the report", report, func(b []byte) int { return bytes.LastIndex(b, []byte(`"sha256": "`)) + 15 }, "networks"},
		{"a digit of the input's hash", report, func(b []byte) int { return bytes.Index(b, []byte(`"sha256": "`)) + 15 }, "release"},
		{"a network of the list", sums, func([]byte) int { return 5 }, "networks"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			whole := read(t, tc.path)
			defer os.WriteFile(tc.path, whole, 0o644)
			bad, i := bytes.Clone(whole), tc.at(whole)
			if bad[i] = '0'; whole[i] == '0' {
				bad[i] = '1'
			}
			if err := os.WriteFile(tc.path, bad, 0o644); err != nil {
				t.Fatal(err)
			}
			if valid, said := audit(); valid || !strings.Contains(said, "FAIL  "+tc.check) {
				t.Errorf("want a failed %s:\n%s", tc.check, said)
			}
		})
	}
	if valid, said := audit(); !valid {
		t.Errorf("put back:\n%s", said)
	}
}

// enrolAda enrols somebody with a name and a face of 128 equal values.
func enrolAda(t *testing.T, dir string) {
	t.Helper()
	r, err := registry.Open(filepath.Join(dir, "people.db"), filepath.Join(dir, "key", "people.key"), registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	face := make([]float32, 128)
	for i := range face {
		face[i] = 0.088388346
	}
	if _, err := r.Enrol(context.Background(), registry.Candidate{Embedding: face, Quality: 1, Label: "Ada Lovelace"}); err != nil {
		t.Fatal(err)
	}
}

// Two films with a rekey between them: the clusters are the same, no donor is; mode distinct gives members of a cluster
// surrogates of their own.
func TestRekeyAndDistinct(t *testing.T) {
	needNetworks(t)
	dir := t.TempDir()
	clip := filepath.Join(dir, "clip.mp4")
	testvideo.FFmpeg(t, dir, "-i", absolute(t, sampleClip), "-frames:v", "12", clip)
	one, two, three := filepath.Join(dir, "1.json"), filepath.Join(dir, "2.json"), filepath.Join(dir, "3.json")
	mustRun(t, dir, "registry", "init")
	mustRun(t, dir, "analyze", clip, "-o", one, "--k", "3")
	mustRun(t, dir, "analyze", clip, "-o", two, "--k", "3", "--rekey")
	mustRun(t, dir, "analyze", clip, "-o", three, "--k", "3", "--mode", "distinct")
	a, b, c := mustReadList(t, one), mustReadList(t, two), mustReadList(t, three)
	if len(a.Clusters) == 0 || len(a.Clusters) != len(b.Clusters) || len(a.Clusters) != len(c.Clusters) {
		t.Fatalf("clusters %v, %v, %v", a.Clusters, b.Clusters, c.Clusters)
	}
	for i := range a.Clusters {
		if a.Clusters[i].ID != b.Clusters[i].ID || a.Clusters[i].ID != c.Clusters[i].ID {
			t.Errorf("clusters %d, %d, %d", a.Clusters[i].ID, b.Clusters[i].ID, c.Clusters[i].ID)
		}
		for _, d := range a.Clusters[i].Donors {
			for _, e := range b.Clusters[i].Donors {
				if d == e {
					t.Errorf("cluster %d wears donor %d in both", a.Clusters[i].ID, d)
				}
			}
		}
	}
	worn := map[[2]uint64]bool{}
	for i, p := range c.Persons {
		at := [2]uint64{p.Cluster, uint64(p.Slot)}
		if p.Slot == 0 || worn[at] || p.Cluster != a.Persons[i].Cluster {
			t.Errorf("person %d wears slot %d of cluster %d", p.ID, p.Slot, p.Cluster)
		}
		worn[at] = true
	}
}

func mustReadList(t *testing.T, path string) *decisions.List {
	t.Helper()
	l, err := decisions.Read(bytes.NewReader(read(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	return l
}
