package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/registry"
	"github.com/ksamenet/ksamenet/core/report"
)

// production is what a run leaves: a report, the ledger exported after it, the output.
type production struct {
	report         report.Report
	ledger, output []byte
}

// produce runs a production through the real registry: ten people, k = 3, six of them on screen.
func produce(t *testing.T) production {
	t.Helper()
	dir := t.TempDir()
	reg, err := registry.Init(filepath.Join(dir, "people.db"), filepath.Join(dir, "key", "people.key"), registry.Options{Dim: 10, Recognizer: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer reg.Close()
	tx, err := reg.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	var screen []ksame.PersonID
	for i := range 10 {
		face := make([]float32, 10)
		face[i] = 1
		id, err := tx.Enrol(registry.Candidate{Embedding: face, Quality: 0.9})
		if err != nil {
			t.Fatal(err)
		}
		if i < 6 {
			screen = append(screen, id)
		}
	}
	if _, err := tx.Ensure(registry.Request{K: 3, Screen: screen}); err != nil {
		t.Fatal(err)
	}
	list := &decisions.List{
		Source: decisions.Source{SHA256: strings.Repeat("ab", 32), Frames: 10, Width: 64, Height: 48},
		Policy: decisions.Policy{K: 3, Donors: 4, Certified: true},
	}
	state := tx.State()
	for i, id := range screen {
		list.Persons = append(list.Persons, decisions.Person{ID: i + 1, Registry: int64(id), Cluster: uint64(state.Of(id)), Action: decisions.Replace})
	}
	list.Persons = append(list.Persons, decisions.Person{ID: 7, Action: decisions.Keep})
	var ids []ksame.ClusterID
	for _, c := range state.Clusters() {
		if !appears(screen, c) {
			continue
		}
		mix, err := tx.Donors(c.ID, 4, ksame.AllDonors(64), nil)
		if err != nil {
			t.Fatal(err)
		}
		list.Clusters = append(list.Clusters, decisions.Cluster{ID: uint64(c.ID), Members: c.Distinct, Donors: mix})
		ids = append(ids, c.ID)
	}
	if err := tx.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	p := production{output: []byte("the output's bytes")}
	sum := sha256.Sum256(p.output)
	r := report.New("ksamenet test", list)
	r.Models = []report.Model{{Name: "detector", SHA256: strings.Repeat("cd", 32)}}
	r.Watch = &report.Watch{Detector: "another", Seen: 58}
	r.Ledger = report.Ledger{Rows: int(reg.State().Rows()), Head: reg.State().Head()}
	r.Finish(report.Coverage{Faces: 60, Replaced: 55, Covered: 3, Kept: 2, CacheHits: 0.75,
		CoverSpans: []report.Span{{Track: 1, First: 0, Last: 2, Why: "no landmarks in these frames"}},
		KeptSpans:  []report.Span{{Track: 7, First: 8, Last: 9}}},
		report.File{SHA256: hex.EncodeToString(sum[:]), Frames: 10})
	p.report = *r
	if tx, err = reg.Begin(); err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	witness := sha256.Sum256(p.text(t))
	if err := tx.Release(registry.Release{K: 3, Clusters: ids, Output: r.Output.SHA256, Report: hex.EncodeToString(witness[:])}); err != nil {
		t.Fatal(err)
	}
	// The registry lives on after the run.
	if _, err := tx.Enrol(registry.Candidate{Embedding: []float32{.6, .8, 0, 0, 0, 0, 0, 0, 0, 0}, Quality: 0.9}); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := reg.ExportLedger(&b); err != nil {
		t.Fatal(err)
	}
	p.ledger = b.Bytes()
	return p
}

func appears(screen []ksame.PersonID, c ksame.Cluster) bool {
	for _, p := range screen {
		for _, m := range c.Members {
			if p == m {
				return true
			}
		}
	}
	return false
}

// clone is a copy to tamper with.
func (p production) clone(t *testing.T) production {
	t.Helper()
	q := production{ledger: bytes.Clone(p.ledger), output: bytes.Clone(p.output)}
	if err := json.Unmarshal(p.text(t), &q.report); err != nil {
		t.Fatal(err)
	}
	return q
}

func (p production) text(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := p.report.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// audit runs the command on files.
func (p production) audit(t *testing.T) (code int, said string) {
	t.Helper()
	return auditBytes(t, p.text(t), p.ledger, p.output)
}

func auditBytes(t *testing.T, report, ledger, output []byte) (code int, said string) {
	t.Helper()
	dir := t.TempDir()
	args := []string{"--models", filepath.Join(dir, "networks")}
	networks := strings.Repeat("cd", 32) + "  detector\n"
	for name, b := range map[string][]byte{"report.json": report, "ledger.jsonl": ledger, "output": output, "networks": []byte(networks)} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"report.json", "ledger.jsonl", "output"} {
		args = append(args, filepath.Join(dir, name))
	}
	var out, errs bytes.Buffer
	code = Run(args, nil, &out, &errs)
	return code, out.String() + errs.String()
}

func TestUntouched(t *testing.T) {
	p := produce(t)
	code, said := p.audit(t)
	if code != exitValid || strings.Contains(said, "FAIL") || !strings.Contains(said, "VALID: k = 3") || strings.Contains(said, "\n-") {
		t.Errorf("exit %d\n%s", code, said)
	}
	for _, want := range []string{"2 faces were kept clear", "what this audit cannot know"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not said:\n%s", want, said)
		}
	}
}

// Every change is found, by the check that it concerns and with a reason that names it.
func TestTampered(t *testing.T) {
	base := produce(t)
	if len(base.report.Clusters) < 2 {
		t.Fatalf("clusters %v: the fixture wants two", base.report.Clusters)
	}
	for _, tc := range []struct {
		name   string
		tamper func(*production)
		check  string // that fails
		reason string
	}{
		{"members", func(p *production) { p.report.Clusters[0].Members++ }, "clusters", "the ledger"},
		{"a cluster that never was", func(p *production) { p.report.Clusters[1].ID = 99 }, "clusters", "cluster 99 was not in use"},
		{"a cluster beyond the ids", func(p *production) { p.report.Clusters[1].ID = 1 << 63 }, "clusters", "was not in use"},
		{"a cluster twice", func(p *production) { p.report.Clusters[1] = p.report.Clusters[0] }, "clusters", "ascending"},
		{"a cluster left out", func(p *production) { p.report.Clusters = p.report.Clusters[1:] }, "release", "the report says otherwise"},
		{"all clusters left out", func(p *production) { p.report.Clusters, p.report.KEff = nil, report.KEff{} }, "coverage", "no cluster is on screen"},
		{"cast above the members", func(p *production) { p.report.Clusters[0].Cast = 1 << 40 }, "clusters", "people in the material"},
		{"k above the clusters", func(p *production) { p.report.K = 9 }, "clusters", "fewer than k = 9"},
		{"k below what was asked for", func(p *production) { p.report.K = 2 }, "release", "k = 3"},
		{"k of one", func(p *production) { p.report.K = 1 }, "k", "no anonymity-set claim"},
		{"k_eff", func(p *production) { p.report.KEff.Population++ }, "k_eff", "the report says"},
		{"k_eff of the cast", func(p *production) { p.report.KEff.Cast++ }, "k_eff", "the report says"},
		{"donors", func(p *production) { p.report.Donors = 8 }, "donors", "no mix of 8 donors"},
		{"head", func(p *production) { p.report.Ledger.Head = strings.Repeat("0", 64) }, "head", "no row of the ledger"},
		{"rows", func(p *production) { p.report.Ledger.Rows-- }, "head", "that hash is row"},
		{"no ledger", func(p *production) { p.report.Ledger = report.Ledger{} }, "head", "no registry"},
		{"another verdict", func(p *production) { p.report.Verdict = "CERTIFIED!" }, "verdict", "unknown verdict"},
		{"its own refusal", func(p *production) { p.report.Verdict = report.NotCertified }, "verdict", "the report itself claims nothing"},
		{"a bolder claim", func(p *production) { p.report.Claim = strings.ReplaceAll(p.report.Claim, "1/", "1/1") }, "claim", "claim:"},
		{"a reason against itself", func(p *production) { p.report.Reasons = []string{"5 face(s) were left uncovered"} }, "claim", "left uncovered"},
		{"more kept than people", func(p *production) {
			p.report.Reasons[0] = "9 person(s) kept clear on request: the claim does not concern them"
		}, "claim", "9 people kept of 7"},
		{"fewer bits", func(p *production) { p.report.Bits = 1 }, "claim", "bits_per_face_and_frame"},
		{"a gap not named", func(p *production) { p.report.Outside = p.report.Outside[1:] }, "claim", "outside_the_guarantee"},
		{"uncovered", func(p *production) { p.report.Coverage.Uncovered = 1 }, "coverage", "left uncovered"},
		{"an exposed face", func(p *production) { p.report.Watch.Exposed = 1 }, "coverage", "saw 1 exposed"},
		{"books that do not add up", func(p *production) { p.report.Coverage.Replaced++ }, "coverage", "60 faces"},
		{"kept frames hidden", func(p *production) { p.report.Coverage.KeptSpans = nil }, "coverage", "the spans name"},
		{"a span beyond the video", func(p *production) { p.report.Coverage.CoverSpans[0].Last = 1 << 62 }, "coverage", "of track 1"},
		{"frames", func(p *production) { p.report.Output.Frames = 9 }, "frames", "10 frames in, 9 out"},
		{"a hash that is none", func(p *production) { p.report.Models[0].SHA256 = "cd" }, "hashes", "not a SHA-256"},
		{"a swapped network", func(p *production) { p.report.Models[0].SHA256 = strings.Repeat("ce", 32) }, "networks", "the list says"},
		{"a network of no list", func(p *production) { p.report.Models[0].Name = "decoder" }, "networks", "not in the list"},
		{"another input", func(p *production) { p.report.Input.SHA256 = strings.Repeat("00", 32) }, "release", "the report was changed since"},
		{"another tool", func(p *production) { p.report.Tool = "ksamenet 99" }, "release", "the report was changed since"},
		{"another engine", func(p *production) { p.report.Engine.Device = "x" }, "release", "the report was changed since"},
		{"a stratum", func(p *production) { p.report.Clusters[0].Stratum = "b" }, "clusters", "stratum"},
		{"another assignment", func(p *production) { p.report.Assignment = ksame.DistinctMode }, "release", "the report says otherwise"},
		{"no networks", func(p *production) { p.report.Models = nil }, "hashes", "no network is named"},
		{"version", func(p *production) { p.report.Version = 2 }, "report", "version 2"},
		{"format", func(p *production) { p.report.Format = "x" }, "report", "format"},
		{"a byte of the output", func(p *production) { p.output[0] ^= 1 }, "output", "its SHA-256 is"},
		{"another output's hash", func(p *production) {
			sum := sha256.Sum256([]byte("another"))
			p.output, p.report.Output.SHA256 = []byte("another"), hex.EncodeToString(sum[:])
		}, "release", "no row after the head names the output"},
		{"a ledger of before the run", func(p *production) { p.ledger = lines(p.ledger, 0, p.report.Ledger.Rows-1) }, "head", "exported before the run"},
		{"a ledger of before the release", func(p *production) { p.ledger = lines(p.ledger, 0, p.report.Ledger.Rows) }, "release", "exported before the run ended"},
		{"a ledger without its first row", func(p *production) { p.ledger = lines(p.ledger, 1, 99) }, "ledger", "its number is 2"},
		{"an empty ledger", func(p *production) { p.ledger = nil }, "ledger", "no rows"},
		{"another registry's ledger", func(p *production) { p.ledger = produce(t).ledger }, "head", "another registry"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := base.clone(t)
			tc.tamper(&p)
			code, said := p.audit(t)
			line := ""
			for _, l := range strings.Split(said, "\n") {
				if f := strings.Fields(l); len(f) > 1 && f[0] == "FAIL" && f[1] == tc.check {
					line = l
				}
			}
			if code != exitInvalid || !strings.Contains(line, tc.reason) || !strings.Contains(said, "INVALID: ") {
				t.Errorf("exit %d, want a failed %s with %q:\n%s", code, tc.check, tc.reason, said)
			}
		})
	}
}

// lines cuts JSON Lines.
func lines(b []byte, first, last int) []byte {
	all := bytes.SplitAfter(b, []byte("\n"))
	return bytes.Join(all[first:min(last, len(all))], nil)
}

// No byte of a report can be changed (every third is tried): its hash is in the ledger.
func TestEveryByteOfTheReport(t *testing.T) {
	p := produce(t)
	text := p.text(t)
	step := 3 // a check takes a millisecond
	if testing.Short() {
		step = 29
	}
	for i := 0; i < len(text); i += step {
		bad := bytes.Clone(text)
		bad[i] ^= 1
		var said bytes.Buffer
		if newAudit(evidence{report: bad, ledger: p.ledger}).print(&said) {
			t.Fatalf("byte %d (%q) changed: %s", i, text[i], said.String())
		}
	}
}

// A ledger of the first format does not witness the report; the audit says so and judges the rest.
func TestFirstFormat(t *testing.T) {
	report, err := os.ReadFile("testdata/report-ledger1.json")
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := os.ReadFile("testdata/ledger1.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	newAudit(evidence{report: report, ledger: ledger}).print(&said)
	for _, want := range []string{"ok    ledger", "ok    clusters", "ok    release", "does not witness the report"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("%q is not said:\n%s", want, said.String())
		}
	}
}

// No byte of the ledger can be changed, and none be cut off its last line.
func TestEveryByteOfTheLedger(t *testing.T) {
	p := produce(t)
	text := p.text(t)
	for i := range p.ledger {
		bad := bytes.Clone(p.ledger)
		bad[i] ^= 1
		var said bytes.Buffer
		if newAudit(evidence{report: text, ledger: bad}).print(&said) || !strings.Contains(said.String(), "FAIL  ledger") {
			t.Fatalf("byte %d (%q) changed: %s", i, p.ledger[i], said.String())
		}
	}
	if code, said := auditBytes(t, text, p.ledger[:len(p.ledger)-1], p.output); code != exitInvalid || !strings.Contains(said, "cut off") {
		t.Errorf("exit %d\n%s", code, said)
	}
}

// A report that could be read in two ways is refused.
func TestAmbiguousReports(t *testing.T) {
	p := produce(t)
	text := string(p.text(t))
	for _, tc := range []struct{ name, text string }{
		{"a key twice", strings.Replace(text, `"verdict"`, `"verdict": "NOT CERTIFIED", "verdict"`, 1)},
		{"a key of another case", strings.Replace(text, `"verdict"`, `"Verdict"`, 1)},
		{"an unknown key", strings.Replace(text, `"verdict"`, `"sponsor": "x", "verdict"`, 1)},
		{"more after the end", text + "{}"},
		{"cut off", text[:len(text)/2]},
		{"nothing", ""},
		{"not JSON", "\x00"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if code, said := auditBytes(t, []byte(tc.text), p.ledger, p.output); code != exitInvalid || !strings.Contains(said, "FAIL  report") {
				t.Errorf("exit %d\n%s", code, said)
			}
		})
	}
}

// A run that could not be certified says so itself; calling it certified does not help.
func TestNotCertified(t *testing.T) {
	p := produce(t)
	list := &decisions.List{
		Source:   decisions.Source{SHA256: p.report.Input.SHA256, Frames: 10},
		Policy:   decisions.Policy{K: 12, Donors: 4, Why: "10 distinct people are known, 12 are needed"},
		Clusters: []decisions.Cluster{{ID: 1, Members: 10}},
		Persons:  []decisions.Person{{ID: 1, Registry: 1, Cluster: 1, Action: decisions.Replace}},
	}
	r := report.New("ksamenet test", list)
	r.Models, r.Ledger = p.report.Models, p.report.Ledger
	r.Finish(report.Coverage{Faces: 10, Replaced: 10}, p.report.Output)
	q := production{report: *r, ledger: p.ledger, output: p.output}
	if code, said := q.audit(t); code != exitInvalid || !strings.Contains(said, `the report itself claims nothing: "10 distinct people`) {
		t.Errorf("exit %d\n%s", code, said)
	}
	q.report.Verdict, q.report.Reasons = report.Certified, nil
	if code, said := q.audit(t); code != exitInvalid || !strings.Contains(said, "fewer than k = 12") || !strings.Contains(said, "FAIL  verdict") {
		t.Errorf("called certified: exit %d\n%s", code, said)
	}
}

func TestCommandLine(t *testing.T) {
	dir := t.TempDir()
	p := produce(t)
	reportFile, ledgerFile := filepath.Join(dir, "r.json"), filepath.Join(dir, "l.jsonl")
	for name, b := range map[string][]byte{reportFile: p.text(t), ledgerFile: p.ledger} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"nothing", nil, exitUsage, "usage:"},
		{"one file", []string{reportFile}, exitUsage, "want two or three"},
		{"four", []string{"a", "b", "c", "d"}, exitUsage, "want two or three"},
		{"an unknown flag", []string{"--fast", "a", "b"}, exitUsage, "fast"},
		{"both from standard input", []string{"-", "-"}, exitUsage, "both"},
		{"no such report", []string{filepath.Join(dir, "none"), ledgerFile}, exitUsage, "report:"},
		{"no such ledger", []string{reportFile, filepath.Join(dir, "none")}, exitUsage, "ledger:"},
		{"no such output", []string{reportFile, ledgerFile, filepath.Join(dir, "none")}, exitUsage, "output:"},
		{"a list of networks that is none", []string{"--models", reportFile, reportFile, ledgerFile}, exitUsage, "networks:"},
		{"no such list of networks", []string{"--models", filepath.Join(dir, "none"), reportFile, ledgerFile}, exitUsage, "networks:"},
		{"help", []string{"--help"}, exitValid, "usage:"},
		{"version", []string{"--version"}, exitValid, "ksame-audit "},
		{"without the output", []string{reportFile, ledgerFile}, exitValid, "no output was given"},
		{"ledger from standard input", []string{reportFile, "-"}, exitValid, "VALID"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := Run(tc.args, bytes.NewReader(p.ledger), &out, &errs)
			if code != tc.code || !strings.Contains(out.String()+errs.String(), tc.want) {
				t.Errorf("exit %d, want %d and %q\n%s%s", code, tc.code, tc.want, out.String(), errs.String())
			}
		})
	}
}
