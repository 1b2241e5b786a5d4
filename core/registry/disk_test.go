//go:build linux

package registry

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ksamenet/ksamenet/internal/require"
)

// mounted is a small file system of its own, to be filled or made read-only. It takes a system administrator's rights.
func mounted(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=400k,mode=0700"); err != nil {
		require.Missing(t, "mount", "a file system cannot be mounted here: "+err.Error())
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A full disk fails the commit, says so, and leaves what was there; with room again, work goes on.
func TestFullDisk(t *testing.T) {
	dir := mounted(t)
	p := place{filepath.Join(dir, "r.db"), newPlace(t).key}
	r := p.init(t)
	tx := begin(t, r)
	enrol(t, tx, faces(3, 5))
	mustEnsure(t, tx, Request{K: 5})
	commit(t, tx)
	before := checkHealthy(t, r)
	filler := filepath.Join(dir, "filler")
	f, err := os.Create(filler)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 1024))
	}
	f.Close()
	tx = begin(t, r)
	enrol(t, tx, faces(9, 60))
	if err := tx.Commit(context.Background()); err == nil || !strings.Contains(err.Error(), "hint: the registry is as it was; make room") {
		t.Errorf("error %v", err)
	}
	if h := checkHealthy(t, r); h != before {
		t.Errorf("after the failure %+v, before %+v", h, before)
	}
	if w, err := Init(filepath.Join(dir, "other.db"), p.key, Options{}); err == nil || !strings.Contains(err.Error(), "make room") {
		if err == nil {
			w.Close()
		}
		t.Errorf("a new registry: error %v", err)
	}
	// A process that ends now, without a word, loses nothing either.
	again, err := Open(p.db, p.key, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if h := checkHealthy(t, again); h != before {
		t.Errorf("a reader sees %+v, before %+v", h, before)
	}
	again.Close()
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	tx = begin(t, r)
	enrol(t, tx, faces(9, 20))
	commit(t, tx)
	if h := checkHealthy(t, r); h.Persons != 25 {
		t.Errorf("%+v", h)
	}
	r.Close()
}

// A disk that cannot be written: opening for writing says so, reading works.
func TestReadOnlyDisk(t *testing.T) {
	dir := mounted(t)
	p := place{filepath.Join(dir, "r.db"), newPlace(t).key}
	r := p.init(t)
	tx := begin(t, r)
	enrol(t, tx, faces(3, 5))
	mustEnsure(t, tx, Request{K: 5})
	commit(t, tx)
	before := checkHealthy(t, r)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if r, err := Open(p.db, p.key, Options{}); err == nil || !strings.Contains(err.Error(), "read-only") || !strings.Contains(err.Error(), "on a disk that can be written") {
		if err == nil {
			r.Close()
		}
		t.Errorf("for writing: error %v", err)
	}
	if _, err := Init(filepath.Join(dir, "other.db"), p.key, Options{}); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("a new registry: error %v", err)
	}
	reader, err := Open(p.db, p.key, Options{ReadOnly: true})
	if err != nil {
		t.Fatalf("for reading: %v", err)
	}
	defer reader.Close()
	if h := checkHealthy(t, reader); h != before {
		t.Errorf("a reader sees %+v, before %+v", h, before)
	}
}
