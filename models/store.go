package models

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/internal/userdirs"
)

// EnvDir names the environment variable that holds a folder of models.
const EnvDir = "KSAMENET_MODELS"

// Store finds model files in folders. The zero Store holds the built-in models only.
type Store struct {
	Dirs []string // searched in order

	catalogue *catalogue // nil: the one built into the program
}

// DefaultStore searches explicitDir alone if it is not "", else $KSAMENET_MODELS alone if that is set, else
// ../share/ksamenet/models beside the executable and then the user's data folder ($XDG_DATA_HOME, by default
// ~/.local/share, then ksamenet/models). A folder that the user names is final: no other copy is taken in its stead.
func DefaultStore(explicitDir string) Store {
	if explicitDir != "" {
		return Store{Dirs: []string{explicitDir}}
	}
	if dir := os.Getenv(EnvDir); dir != "" {
		return Store{Dirs: []string{dir}}
	}
	var s Store
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			exe = real
		}
		s.Dirs = append(s.Dirs, filepath.Join(filepath.Dir(exe), "..", "share", "ksamenet", "models"))
	}
	if dir := userdirs.Data(); dir != "" {
		s.Dirs = append(s.Dirs, filepath.Join(dir, "ksamenet", "models"))
	}
	return s
}

// Load reads a model and checks its sha256 against the manifest. The bytes are the caller's.
//
// The first file found is the one: a damaged file is ErrCorrupt, never a reason to look further, so that what ran is
// always what the user believes is installed. ErrMissing names every place searched. Both say what mends it.
func (s Store) Load(name string) (infer.Manifest, []byte, error) {
	m, b, _, err := s.find(name)
	return m, b, err
}

// Status is one model's state in a Store.
type Status struct {
	Manifest infer.Manifest
	Path     string // of the file; "" if it is built into the program or missing
	Err      error  // nil, ErrMissing, ErrCorrupt or an error of reading
}

// Check reads and verifies every model, in the order of Names.
func (s Store) Check() []Status {
	c := s.models()
	all := make([]Status, 0, len(c.names))
	for _, n := range c.names {
		m, _, p, err := s.find(n)
		all = append(all, Status{Manifest: m, Path: p, Err: err})
	}
	return all
}

func (s Store) models() *catalogue {
	if s.catalogue != nil {
		return s.catalogue
	}
	return shipped()
}

// find returns the verified bytes and the path of the file, "" for a built-in model.
func (s Store) find(name string) (infer.Manifest, []byte, string, error) {
	c := s.models()
	m, err := c.manifest(name)
	if err != nil {
		return m, nil, "", err
	}
	b, err := c.own(m)
	if err != nil {
		return m, nil, "", fmt.Errorf("models: %s: %w", name, err)
	}
	if b != nil {
		if err := m.Verify(b); err != nil {
			return m, nil, "", fmt.Errorf("%w: %w (built into the program: build it anew)", ErrCorrupt, err)
		}
		return m, b, "", nil
	}
	for _, dir := range s.Dirs {
		p := filepath.Join(dir, m.File)
		b, err := os.ReadFile(p)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return m, nil, p, fmt.Errorf("models: %s: %w", name, err)
		}
		if err := m.Verify(b); err != nil {
			return m, nil, p, fmt.Errorf("%w: %s: %w; delete the file and run `make deps`", ErrCorrupt, p, err)
		}
		return m, b, p, nil
	}
	return m, nil, "", missing(m, s.Dirs)
}

func missing(m infer.Manifest, dirs []string) error {
	if m.Source.Package == "" {
		return fmt.Errorf("%w: %s (%s) is not built into this program: build it anew from a complete checkout", ErrMissing, m.Name, m.File)
	}
	places := "no folder to search is known (neither " + EnvDir + " nor a home directory is set)"
	if len(dirs) > 0 {
		places = "searched " + strings.Join(dirs, ", ")
	}
	return fmt.Errorf("%w: %s (%s): %s; run `make deps` to fetch it", ErrMissing, m.Name, m.File, places)
}
