package ffcli

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/registry"
)

// What may be wrong with a registry or its key is said with the way out, by every command that opens one, and nothing is
// changed by it. Disks that are full or read-only: core/registry.
func TestRegistryErrors(t *testing.T) {
	change := func(statement string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			db, err := sql.Open("sqlite", filepath.Join(dir, "people.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	put := func(name string, b []byte) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	key := filepath.Join("key", "people.key")
	for _, tc := range []struct {
		name     string
		spoil    func(*testing.T, string)
		says     string
		readable bool // list and check do not mind
	}{
		{"a wrong key", put(key, bytes.Repeat([]byte{7}, 32)), "hint: name the key", false},
		{"a key cut short", put(key, []byte("short")), "has 5 bytes", false},
		{"no key", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, key)); err != nil {
				t.Fatal(err)
			}
		}, "hint: without its key", false},
		{"a newer schema", change("PRAGMA user_version = 99"), "use the newer ksamenet", false},
		{"another program's file", change("PRAGMA application_id = 7"), "no registry", false},
		{"not a database", put("people.db", []byte(strings.Repeat("not a database ", 100))), "cannot be read as a registry", false},
		{"a second writer", func(t *testing.T, dir string) {
			r, err := registry.Open(filepath.Join(dir, "people.db"), filepath.Join(dir, key), registry.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { r.Close() })
		}, "wait until it ends", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			enrolSeven(t, dir)
			tc.spoil(t, dir)
			before := read(t, filepath.Join(dir, "people.db"))
			for _, args := range [][]string{{"list"}, {"check"}, {"export"}, {"partition", "--k", "3"}, {"forget", "1", "--yes"}} {
				code, out, errs := ksamenet(t, dir, append([]string{"registry"}, args...)...)
				if reading := args[0] == "list" || args[0] == "check" || args[0] == "export"; reading && tc.readable {
					if code != exitDone {
						t.Errorf("%v: exit %d\n%s", args, code, errs)
					}
				} else if code != exitFailed || out != "" || !strings.Contains(errs, tc.says) {
					t.Errorf("%v: exit %d, want %d and %q\n%s%s", args, code, exitFailed, tc.says, out, errs)
				}
			}
			if !bytes.Equal(before, read(t, filepath.Join(dir, "people.db"))) {
				t.Error("the file is another")
			}
		})
	}
}
