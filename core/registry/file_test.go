package registry

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/ksame"
)

func TestFileModes(t *testing.T) {
	p := newPlace(t)
	r := p.init(t)
	tx := begin(t, r)
	enrol(t, tx, faces(1, 2))
	commit(t, tx)
	for _, path := range []string{p.db, p.db + "-wal", p.db + "-shm", p.db + ".lock", p.key} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %04o, want 0600", filepath.Base(path), info.Mode().Perm())
		}
	}
	for _, dir := range []string{filepath.Dir(p.db), filepath.Dir(p.key)} {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("folder %s: mode %04o, want 0700", filepath.Base(dir), info.Mode().Perm())
		}
	}
	if key, err := os.ReadFile(p.key); err != nil || len(key) != 32 {
		t.Errorf("a key of %d bytes, error %v", len(key), err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(p.db), ".registry-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	r.Close()

	if err := os.Chmod(p.db, 0o644); err != nil {
		t.Fatal(err)
	}
	p.open(t).Close()
	if info, _ := os.Stat(p.db); info.Mode().Perm() != 0o600 {
		t.Errorf("a registry open to all stays so: %04o", info.Mode().Perm())
	}
	if err := os.Chmod(p.key, 0o640); err != nil {
		t.Fatal(err)
	}
	if r, err := Open(p.db, p.key, Options{}); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		r.Close()
		t.Errorf("a key that others can read: error %v", err)
	}
}

func TestOpenErrors(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(t *testing.T, p *place)
		opt   Options
		want  error  // nil: any
		says  string // part of the message
	}{
		{"no registry", func(t *testing.T, p *place) { p.db += ".other" }, Options{}, ErrNoRegistry, "hint: ksamenet registry init"},
		{"no key", func(t *testing.T, p *place) { p.key += ".other" }, Options{}, ErrNoKey, "hint:"},
		{"another key", func(t *testing.T, p *place) {
			key := make([]byte, 32)
			rand.Read(key)
			write(t, p.key, key)
		}, Options{}, ErrWrongKey, "hint:"},
		{"a short key", func(t *testing.T, p *place) { write(t, p.key, []byte("short")) }, Options{}, nil, "5 bytes"},
		{"a folder", func(t *testing.T, p *place) { p.db = filepath.Dir(p.db) }, Options{}, nil, "not a regular file"},
		{"no database", func(t *testing.T, p *place) { write(t, p.db, bytes.Repeat([]byte("garbage "), 1000)) }, Options{}, nil, "cannot be read as a registry"},
		{"an empty file", func(t *testing.T, p *place) { write(t, p.db, nil) }, Options{}, nil, "no registry"},
		{"a newer schema", func(t *testing.T, p *place) { p.sql(t, "PRAGMA user_version = 99") }, Options{}, ErrSchema, "version 99"},
		{"another recogniser", func(*testing.T, *place) {}, Options{Recognizer: "other"}, ErrModel, "hint:"},
		{"thresholds the wrong way round", func(*testing.T, *place) {}, Options{TauLow: 0.5, TauLink: 0.4}, nil, "thresholds"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPlace(t)
			p.init(t).Close()
			tc.spoil(t, &p)
			r, err := Open(p.db, p.key, tc.opt)
			if err == nil {
				r.Close()
				t.Fatal("opened")
			}
			if tc.want != nil && !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v", err)
			}
			// The lock is free again.
			if f, err := lockWriter(p.db); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Errorf("lock: %v", err)
			} else if err == nil {
				f.Close()
			}
		})
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// sql changes the file of a closed registry behind its back.
func (p place) sql(t *testing.T, statements ...string) {
	t.Helper()
	db, err := openDatabase(p.db, "delete", false)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func TestOddPathAndReader(t *testing.T) {
	p := newPlace(t)
	p.db = filepath.Join(filepath.Dir(p.db), "100% of ours? #1 &c.db")
	r := p.init(t)
	if _, err := r.Enrol(context.Background(), Candidate{Embedding: faces(1, 1)[0], Quality: 1}); err != nil {
		t.Fatal(err)
	}
	r.Close()
	reader, err := Open(p.db, p.key, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if list, err := reader.Persons(context.Background()); err != nil || len(list) != 1 {
		t.Errorf("%d people, error %v", len(list), err)
	}
	checkHealthy(t, reader)
}

func TestInitKeepsWhatExists(t *testing.T) {
	p := newPlace(t)
	p.init(t).Close()
	before, err := os.ReadFile(p.db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Init(p.db, p.key, Options{}); !errors.Is(err, ErrExists) {
		t.Errorf("a second Init: %v", err)
	}
	if after, _ := os.ReadFile(p.db); !bytes.Equal(before, after) {
		t.Error("Init changed an existing registry")
	}
	key, _ := os.ReadFile(p.key)
	r, err := Init(p.db+".second", p.key, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if again, _ := os.ReadFile(p.key); !bytes.Equal(key, again) {
		t.Error("Init changed an existing key")
	}
	first := p.open(t)
	a, errA := first.SharedMix(4, ksame.AllDonors(64))
	b, errB := r.SharedMix(4, ksame.AllDonors(64))
	if errA != nil || errB != nil || slices.Equal(a, b) {
		t.Errorf("two registries with one key choose alike: %v, %v (%v, %v)", a, b, errA, errB)
	}
}

func TestOneWriter(t *testing.T) {
	p := newPlace(t)
	r := p.init(t)
	if _, err := Open(p.db, p.key, Options{}); !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), fmt.Sprint("process ", os.Getpid())) {
		t.Errorf("a second writer: %v", err)
	}
	tx := begin(t, r)
	if _, err := r.Begin(); !errors.Is(err, ErrTx) {
		t.Errorf("a second transaction: %v", err)
	}
	enrol(t, tx, faces(4, 3))

	reader, err := Open(p.db, p.key, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if list, err := reader.Persons(context.Background()); err != nil || len(list) != 0 {
		t.Errorf("a reader sees %d people of a plan, error %v", len(list), err)
	}
	if _, err := reader.Begin(); !errors.Is(err, ErrReadOnly) {
		t.Errorf("a transaction of a reader: %v", err)
	}
	if err := reader.Close(); err != nil {
		t.Error(err)
	}
	commit(t, tx)
	reader, err = Open(p.db, p.key, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if list, err := reader.Persons(context.Background()); err != nil || len(list) != 3 {
		t.Errorf("a reader sees %d people after the commit, error %v", len(list), err)
	}
	tx = begin(t, r)
	r.Close()
	if err := tx.Commit(context.Background()); !errors.Is(err, ErrTx) {
		t.Errorf("commit after close: %v", err)
	}
	if _, err := r.Begin(); !errors.Is(err, ErrClosed) {
		t.Errorf("begin after close: %v", err)
	}
	p.open(t).Close()
}

// scan looks for needle in every file of the registry's folder.
func (p place) scan(t *testing.T, needle []byte) (found []string) {
	t.Helper()
	files, err := filepath.Glob(p.db + "*")
	if err != nil || len(files) == 0 {
		t.Fatalf("files %v, error %v", files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, needle) {
			found = append(found, filepath.Base(f))
		}
	}
	return found
}

func TestNothingReadableOnDisk(t *testing.T) { // I12, as far as the file goes
	p := newPlace(t)
	r := p.init(t)
	tx := begin(t, r)
	people := faces(8, 6)
	for i, e := range people {
		if _, err := tx.Enrol(Candidate{Embedding: e, Quality: 1, Label: fmt.Sprintf("Wilhelmina %d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	mustEnsure(t, tx, Request{K: 3})
	commit(t, tx)
	look := func(when string) {
		t.Helper()
		if found := p.scan(t, []byte(`"kind":"partition"`)); len(found) == 0 {
			t.Fatalf("%s: the ledger is not found either, so this test would find nothing", when)
		}
		key, err := os.ReadFile(p.key)
		if err != nil {
			t.Fatal(err)
		}
		needles := map[string][]byte{"label": []byte("Wilhelmina"), "key": key}
		for i, e := range people {
			raw := encodeEmbedding(e)
			for at := 0; at+16 <= len(raw); at += 16 { // any four values in a row
				needles[fmt.Sprintf("embedding of person %d at %d", i+1, at)] = raw[at : at+16]
			}
		}
		for what, needle := range needles {
			if found := p.scan(t, needle); found != nil {
				t.Errorf("%s: the %s can be read in %v", when, what, found)
			}
		}
	}
	look("while open")
	var export bytes.Buffer
	if err := r.ExportLedger(&export); err != nil || bytes.Contains(export.Bytes(), []byte("Wilhelmina")) {
		t.Errorf("export: error %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	look("when closed")
}

func TestForgottenKeyIsGone(t *testing.T) {
	p := newPlace(t)
	r := p.init(t)
	tx := begin(t, r)
	ids := enrol(t, tx, faces(8, 6))
	mustEnsure(t, tx, Request{K: 3})
	commit(t, tx)
	wrapped := slices.Clone(r.now.persons[ids[2]].wrapped)
	if p.scan(t, wrapped) == nil {
		t.Fatal("the wrapped key is not found before, so this test would find nothing")
	}
	tx = begin(t, r)
	if err := tx.Forget(ids[2]); err != nil {
		t.Fatal(err)
	}
	commit(t, tx)
	if found := p.scan(t, wrapped); found != nil {
		t.Errorf("the key of a forgotten person is still in %v", found)
	}
	r.Close()
	if found := p.scan(t, wrapped); found != nil {
		t.Errorf("closed: the key of a forgotten person is still in %v", found)
	}
}

// Every change of a closed file is found when it is opened.
func TestTampering(t *testing.T) {
	forge := "UPDATE ledger SET line = replace(line, '\"distinct\":3', '\"distinct\":4') WHERE line LIKE '%partition%'"
	for _, tc := range []struct {
		name string
		sql  []string
	}{
		{"a count in the ledger", []string{"DROP TRIGGER ledger_keeps_text", forge}},
		{"the newest row removed", []string{"DROP TRIGGER ledger_keeps_rows", "DELETE FROM ledger WHERE seq = (SELECT max(seq) FROM ledger)"}},
		{"all rows but the first removed", []string{"DROP TRIGGER ledger_keeps_rows", "DELETE FROM ledger WHERE seq > 1"}},
		{"two embeddings exchanged", []string{"UPDATE sample SET embedding = (SELECT embedding FROM sample WHERE person = 2) WHERE person = 1"}},
		{"two keys exchanged", []string{"UPDATE person SET key = (SELECT key FROM person WHERE id = 2) WHERE id = 1"}},
		{"a byte of an embedding", []string{"UPDATE sample SET embedding = CAST(substr(embedding, 1, 100) || x'00' || substr(embedding, 102) AS BLOB) WHERE person = 1 AND substr(embedding, 101, 1) <> x'00'",
			"UPDATE sample SET embedding = CAST(substr(embedding, 1, 100) || x'01' || substr(embedding, 102) AS BLOB) WHERE person = 2"}},
		{"a person removed", []string{"DELETE FROM sample WHERE person = 1", "DELETE FROM together", "DELETE FROM person WHERE id = 1"}},
		{"the samples of a person removed", []string{"DELETE FROM sample WHERE person = 1"}},
		{"a person forgotten without a tombstone", []string{"DELETE FROM sample WHERE person = 1", "UPDATE person SET key = NULL, label = NULL WHERE id = 1"}},
		{"a person without an enrol row", []string{"INSERT INTO person VALUES (99, '2024-01-01T00:00:00Z', NULL, NULL, NULL)"}},
		{"the seal", []string{"UPDATE meta SET value = zeroblob(32) WHERE name = 'seal'"}},
		{"a pair seen together made up", []string{"INSERT INTO together VALUES (1, 2)"}},
		{"the last of two samples removed", []string{"DELETE FROM sample WHERE person = 4 AND slot = 1"}},
		{"the id of the registry", []string{"UPDATE meta SET value = zeroblob(16) WHERE name = 'id'"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPlace(t)
			r := p.init(t)
			tx := begin(t, r)
			ids := enrol(t, tx, faces(8, 6))
			if _, err := tx.AddSample(ids[3], faces(8, 6)[3], 1); err != nil {
				t.Fatal(err)
			}
			mustEnsure(t, tx, Request{K: 3})
			commit(t, tx)
			r.Close()
			p.sql(t, tc.sql...)
			r, err := Open(p.db, p.key, Options{})
			if err == nil {
				r.Close()
				t.Fatal("opened")
			}
			t.Log(err)
		})
	}
}

// A chain of hashes that is consistent, but was written without the key.
func TestForgedChain(t *testing.T) {
	p := newPlace(t)
	r := p.init(t)
	rows := r.Ledger()
	r.Close()
	s, err := ksame.Replay(rows)
	if err != nil {
		t.Fatal(err)
	}
	forged, err := s.Add(ksame.Row{Kind: ksame.Release, Digest: strings.Repeat("ab", 32)})
	if err != nil {
		t.Fatal(err)
	}
	p.sql(t, fmt.Sprintf("INSERT INTO ledger VALUES (%d, '%s')", forged.Seq, forged.Line()))
	if _, err := Open(p.db, p.key, Options{}); !errors.Is(err, ksame.ErrTampered) {
		t.Errorf("error %v", err)
	}
}

func TestLedgerTableIsAppendOnly(t *testing.T) {
	p := newPlace(t)
	r := p.init(t)
	for _, s := range []string{"DELETE FROM ledger", "UPDATE ledger SET line = ''"} {
		if _, err := r.db.Exec(s); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: error %v", s, err)
		}
	}
	checkHealthy(t, r)
}

func TestFailedCommitChangesNothing(t *testing.T) {
	p := newPlace(t)
	r := p.init(t)
	tx := begin(t, r)
	enrol(t, tx, faces(3, 5))
	mustEnsure(t, tx, Request{K: 5})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := tx.Commit(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	if list, _ := r.Persons(context.Background()); len(list) != 0 || len(r.Clusters()) != 0 {
		t.Errorf("%d people, clusters %v", len(list), r.Clusters())
	}
	checkHealthy(t, r)
	tx = begin(t, r)
	// The statement in the middle fails: what was written before it is undone.
	enrol(t, tx, faces(3, 5))
	tx.exec("INSERT INTO no_such_table VALUES (1)")
	mustEnsure(t, tx, Request{K: 5})
	if err := tx.Commit(context.Background()); err == nil {
		t.Fatal("committed")
	}
	if h := checkHealthy(t, r); h.Persons != 0 || h.Rows != 1 {
		t.Errorf("half a commit: %+v", h)
	}
}
