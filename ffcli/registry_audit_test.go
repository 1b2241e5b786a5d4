package ffcli

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/registry"
)

// enrolSeven makes a registry of seven in dir: clusters for k = 3, then one person more who waits for a cluster, then one who
// is forgotten.
func enrolSeven(t *testing.T, dir string) {
	t.Helper()
	r, err := registry.Init(filepath.Join(dir, "people.db"), filepath.Join(dir, "key", "people.key"), registry.Options{Dim: 9, Recognizer: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	tx, err := r.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	enrol := func(axis int) ksame.PersonID {
		face := make([]float32, 9)
		face[axis] = 1
		id, err := tx.Enrol(registry.Candidate{Embedding: face, Quality: 1, Label: "Ada Lovelace"})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	for i := range 7 {
		enrol(i)
	}
	if _, err := tx.Ensure(registry.Request{K: 3}); err != nil {
		t.Fatal(err)
	}
	enrol(7)
	if err := tx.Forget(enrol(8)); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestRegistryCheck(t *testing.T) {
	dir := t.TempDir()
	enrolSeven(t, dir)
	out, _ := mustRun(t, dir, "registry", "check")
	if !strings.Contains(out, "8 people with 8 samples") || !strings.Contains(out, "2 clusters counted (smallest: 3 distinct people)") {
		t.Errorf("check:\n%s", out)
	}
	if code, _, errs := ksamenet(t, dir, "registry", "check", "extra"); code != exitUsage {
		t.Errorf("an argument: exit %d\n%s", code, errs)
	}

	// One digit of one row, by somebody who knows how to take the guard away.
	db, err := sql.Open("sqlite", filepath.Join(dir, "people.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`DROP TRIGGER ledger_keeps_text; UPDATE ledger SET line = replace(line, '"person":3', '"person":4') WHERE seq = 4`); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"check", "export", "stats"} {
		code, out, errs := ksamenet(t, dir, "registry", command)
		if code != exitFailed || out != "" || !strings.Contains(errs, "row 4") || !strings.Contains(errs, "hint: the file was damaged") {
			t.Errorf("%s of a changed ledger: exit %d\n%s%s", command, code, out, errs)
		}
	}
}

func TestRegistryCheckWithoutItsPieces(t *testing.T) {
	dir := t.TempDir()
	if code, _, errs := ksamenet(t, dir, "registry", "check"); code != exitFailed || !strings.Contains(errs, "hint: ksamenet registry init") {
		t.Errorf("no registry: exit %d\n%s", code, errs)
	}
	enrolSeven(t, dir)
	if err := os.Remove(filepath.Join(dir, "key", "people.key")); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := ksamenet(t, dir, "registry", "check"); code != exitFailed || !strings.Contains(errs, "--key-file") {
		t.Errorf("no key: exit %d\n%s", code, errs)
	}
}

func TestRegistryExport(t *testing.T) {
	dir := t.TempDir()
	enrolSeven(t, dir)
	out, _ := mustRun(t, dir, "registry", "export")
	rows, err := ksame.ReadLedger(strings.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	s, err := ksame.Replay(rows)
	if err != nil || len(s.Persons()) != 8 || len(s.Clusters()) != 2 {
		t.Errorf("%v: people %v, clusters %v", err, s.Persons(), s.Clusters())
	}
	if strings.Contains(out, "Ada") {
		t.Error("a name is in the export")
	}

	file := filepath.Join(dir, "ledger.jsonl")
	mustRun(t, dir, "registry", "export", "-o", file)
	if !bytes.Equal(read(t, file), []byte(out)) {
		t.Error("the file is not what stdout gets")
	}
	if code, _, errs := ksamenet(t, dir, "registry", "export", "-o", file); code != exitUsage || !strings.Contains(errs, "exists already") {
		t.Errorf("over an existing file: exit %d\n%s", code, errs)
	}
	mustRun(t, dir, "registry", "export", "--overwrite", "-o", file)
	for _, own := range []string{"people.db", filepath.Join("key", "people.key")} {
		own = filepath.Join(dir, own)
		before := read(t, own)
		if code, _, errs := ksamenet(t, dir, "registry", "export", "--overwrite", "-o", own); code != exitUsage || !bytes.Equal(before, read(t, own)) {
			t.Errorf("over %s: exit %d\n%s", own, code, errs)
		}
	}
}

func TestRegistryStats(t *testing.T) {
	dir := t.TempDir()
	enrolSeven(t, dir)
	out, _ := mustRun(t, dir, "registry", "stats")
	for _, want := range []string{"8 (1 without a cluster, 1 forgotten)", "every cluster for k up to 3", "3         1         3       k up to 3", "4         1         4       k up to 4"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	empty := t.TempDir()
	r, err := registry.Init(filepath.Join(empty, "people.db"), filepath.Join(empty, "key", "people.key"), registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if out, _ := mustRun(t, empty, "registry", "stats"); !strings.Contains(out, "nothing yet") {
		t.Errorf("an empty registry:\n%s", out)
	}
}
