package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/report"
)

// errSkip is the outcome of a check that could not be made and does not speak against the report.
var errSkip = errors.New("not checked")

// unknowable is said under every audit: what report and ledger cannot prove.
const unknowable = `what this audit cannot know:
  the pictures: that each face was found and is covered by what the report says; only looking at the output shows it
  that the ledger is the registry's only one: compare its head with a copy that the operator could not change
  that the ids are people: the ledger counts identities whose faces stay in the registry
  that the report was true when it was written: the ledger witnesses only that it was not changed since
`

// audit holds what the checks have read so far. Each check relies on the ones before it.
type audit struct {
	ev     evidence
	r      report.Report
	rows   []ksame.Row
	then   *ksame.State // at the row the report relied on; nil: there is none
	notes  []string
	failed []string // names of checks
	known  bool     // the report could be read
}

func newAudit(ev evidence) *audit { return &audit{ev: ev} }

// print makes all checks, a line each, and says whether the report holds.
func (a *audit) print(w io.Writer) bool {
	for _, c := range []struct {
		name  string
		check func() (string, error)
	}{
		{"report", a.report}, {"ledger", a.ledger}, {"head", a.head}, {"k", a.k}, {"clusters", a.clusters}, {"donors", a.donors},
		{"k_eff", a.kEff}, {"coverage", a.coverage}, {"frames", a.frames}, {"hashes", a.hashes}, {"networks", a.networks}, {"output", a.output},
		{"release", a.release}, {"claim", a.claim}, {"verdict", a.verdict},
	} {
		said, err := "", error(errSkip)
		if a.known || c.name == "report" || c.name == "ledger" {
			said, err = c.check()
		}
		switch {
		case err == nil:
			fmt.Fprintf(w, "ok    %-9s %s\n", c.name, said)
		case errors.Is(err, errSkip):
			fmt.Fprintf(w, "-     %-9s %v\n", c.name, err)
		default:
			a.failed = append(a.failed, c.name)
			fmt.Fprintf(w, "FAIL  %-9s %s\n", c.name, strings.ReplaceAll(err.Error(), "\n", "; "))
		}
	}
	for _, n := range a.notes {
		fmt.Fprintf(w, "note  %s\n", n)
	}
	fmt.Fprint(w, unknowable)
	if len(a.failed) > 0 {
		fmt.Fprintf(w, "INVALID: %s\n", strings.Join(a.failed, ", "))
		return false
	}
	fmt.Fprintf(w, "VALID: k = %d, smallest cluster on screen %d people of the registry, %d in this material\n", a.r.K, a.r.KEff.Population, a.r.KEff.Cast)
	return true
}

func (a *audit) note(format string, args ...any) {
	a.notes = append(a.notes, fmt.Sprintf(format, args...))
}

// report reads the document. What is not written exactly as ksamenet writes it (a key twice, a key unknown) may mean one
// thing to this program and another to a reader: refused.
func (a *audit) report() (string, error) {
	var head struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	if err := json.Unmarshal(a.ev.report, &head); err != nil {
		return "", fmt.Errorf("not JSON of a report: %w", err)
	}
	if head.Format != report.Format {
		return "", fmt.Errorf("format %.40q, want %q", head.Format, report.Format)
	}
	if head.Version != report.Version {
		return "", fmt.Errorf("version %d, this program knows %d", head.Version, report.Version)
	}
	d := json.NewDecoder(bytes.NewReader(a.ev.report))
	d.DisallowUnknownFields()
	if err := d.Decode(&a.r); err != nil {
		return "", err
	}
	var same bytes.Buffer
	if err := a.r.Write(&same); err != nil {
		return "", err
	}
	if !bytes.Equal(same.Bytes(), a.ev.report) {
		return "", errors.New("not written the way ksamenet writes it: something was changed")
	}
	a.known = true
	return fmt.Sprintf("%s version %d by %.60q", a.r.Format, a.r.Version, a.r.Tool), nil
}

// ledger replays all rows: the chain of hashes, k distinct people in every cluster that is built, grows or is released (I2),
// nobody changes cluster (I8).
func (a *audit) ledger() (string, error) {
	rows, err := ksame.ReadLedger(bytes.NewReader(a.ev.ledger))
	if err != nil {
		return "", err
	}
	s, err := ksame.Replay(rows)
	if err != nil {
		return "", err
	}
	a.rows = rows
	return fmt.Sprintf("%d rows of registry %s replayed, head %s", s.Rows(), s.Registry(), s.Head()), nil
}

// head finds the row the run relied on. Later rows may follow: the registry lives on.
func (a *audit) head() (string, error) {
	if a.rows == nil {
		return "", fmt.Errorf("%w: no ledger that verifies", errSkip)
	}
	l := a.r.Ledger
	if l.Rows == 0 && l.Head == "" {
		return "", errors.New("the report names no ledger: the run had no registry")
	}
	for i, row := range a.rows {
		if row.Hash != l.Head {
			continue
		}
		if i+1 != l.Rows {
			return "", fmt.Errorf("the report says row %d, that hash is row %d", l.Rows, i+1)
		}
		s, err := ksame.Replay(a.rows[:i+1])
		if err != nil {
			return "", err
		}
		a.then = s
		return fmt.Sprintf("the run relied on row %d of %d", i+1, len(a.rows)), nil
	}
	return "", fmt.Errorf("no row of the ledger has the report's head %.64q: another registry, or exported before the run", l.Head)
}

func (a *audit) k() (string, error) {
	if a.r.K < 2 {
		return "", fmt.Errorf("k = %d makes no anonymity-set claim", a.r.K)
	}
	return fmt.Sprintf("%d people per cluster were asked for, %d donors", a.r.K, a.r.Donors), nil
}

// coverage checks the report's own books: they must add up, and no face may be left.
func (a *audit) coverage() (string, error) {
	c := a.r.Coverage
	switch {
	case min(c.Faces, c.Replaced, c.Covered, c.Kept, c.Uncovered) < 0:
		return "", errors.New("a negative count")
	case c.Uncovered != 0:
		return "", fmt.Errorf("%d faces were left uncovered", c.Uncovered)
	case c.Replaced > c.Faces || c.Covered > c.Faces-c.Replaced || c.Kept != c.Faces-c.Replaced-c.Covered:
		return "", fmt.Errorf("%d faces, but %d replaced, %d covered, %d kept", c.Faces, c.Replaced, c.Covered, c.Kept)
	case c.Replaced > 0 && len(a.r.Clusters) == 0:
		return "", fmt.Errorf("%d faces were replaced, but no cluster is on screen", c.Replaced)
	}
	if err := spansWithin(c.KeptSpans, c.Kept, a.r.Output.Frames); err != nil {
		return "", fmt.Errorf("kept faces: %w", err)
	}
	if err := spansWithin(c.CoverSpans, c.Covered, a.r.Output.Frames); err != nil {
		return "", fmt.Errorf("covered faces: %w", err)
	}
	switch w := a.r.Watch; {
	case w == nil:
		a.note("no second detector looked over the output")
	case w.Exposed != 0:
		return "", fmt.Errorf("the second detector (%.40s) saw %d exposed faces", w.Detector, w.Exposed)
	}
	if c.Kept > 0 {
		a.note("%d faces were kept clear on request: the claim does not concern them", c.Kept)
	}
	return fmt.Sprintf("%d faces: %d replaced, %d covered, %d kept, 0 uncovered", c.Faces, c.Replaced, c.Covered, c.Kept), nil
}

// spansWithin says whether spans account for exactly count faces of a video.
func spansWithin(spans []report.Span, count, frames int64) error {
	var sum int64
	for _, s := range spans {
		if s.First < 0 || s.Last < s.First || s.Last >= frames {
			return fmt.Errorf("frames %d to %d of track %d in a video of %d", s.First, s.Last, s.Track, frames)
		}
		if sum += s.Last - s.First + 1; sum > count {
			break
		}
	}
	if sum != count {
		return fmt.Errorf("%d are counted, the spans name another number", count)
	}
	return nil
}

func (a *audit) frames() (string, error) {
	in, out := a.r.Input.Frames, a.r.Output.Frames
	if in != out || in < 0 {
		return "", fmt.Errorf("%d frames in, %d out", in, out)
	}
	if a.r.Input.Truncated || a.r.Output.Truncated {
		a.note("the input ended early; the report is about what could be decoded")
	}
	return fmt.Sprintf("%d in, %d out", in, out), nil
}

// hashes checks the form of what is named by content; whether the networks are the published ones is not known here.
func (a *audit) hashes() (string, error) {
	named := []report.Model{{Name: "input", SHA256: a.r.Input.SHA256}, {Name: "output", SHA256: a.r.Output.SHA256}}
	for _, m := range append(named, a.r.Models...) {
		if !isDigest(m.SHA256) {
			return "", fmt.Errorf("%.40q: %.80q is not a SHA-256 in lower-case hex", m.Name, m.SHA256)
		}
	}
	if len(a.r.Models) == 0 && a.r.Coverage.Faces > 0 {
		return "", errors.New("faces were found, but no network is named")
	}
	return fmt.Sprintf("input, output and %d networks are named by content", len(a.r.Models)), nil
}

// networks compares the networks with a list of those that the auditor trusts.
func (a *audit) networks() (string, error) {
	if a.ev.networks == nil {
		return "", fmt.Errorf("%w: no list of networks was given (--models)", errSkip)
	}
	for _, m := range a.r.Models {
		switch want, ok := a.ev.networks[m.Name]; {
		case !ok:
			return "", fmt.Errorf("%.40q is not in the list", m.Name)
		case want != m.SHA256:
			return "", fmt.Errorf("%.40q has SHA-256 %.64s, the list says %s", m.Name, m.SHA256, want)
		}
	}
	return fmt.Sprintf("%d networks are those of the list", len(a.r.Models)), nil
}

func isDigest(text string) bool {
	b, err := hex.DecodeString(text)
	return err == nil && len(b) == 32 && hex.EncodeToString(b) == text
}

func (a *audit) output() (string, error) {
	if a.ev.output == "" {
		return "", fmt.Errorf("%w: no output was given", errSkip)
	}
	if a.ev.output != a.r.Output.SHA256 {
		return "", fmt.Errorf("its SHA-256 is %s, the report says %.64q", a.ev.output, a.r.Output.SHA256)
	}
	return "sha256 " + a.ev.output, nil
}
