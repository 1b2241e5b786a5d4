// Package models knows the networks that ksamenet uses: their manifests, and where their weights lie.
//
// Weights that are the project's own are committed beside their manifest and built into the program. Third-party weights
// are not committed: `make deps` fetches and converts them, and a Store finds them on disk. Either way a model's bytes
// leave this package only after their sha256 was compared with the manifest's.
//
// It does not run networks; core/infer does.
package models

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sync"

	"github.com/ksamenet/ksamenet/core/infer"
)

// The pattern takes *.json (manifests, side files) and *.onnx (weights of our own), and holds while there is no *.onnx;
// cards and pictures stay out of the program.
//
//go:embed */*.[jo][sn]*
var embedded embed.FS

// Errors that callers branch on.
var (
	ErrUnknown = errors.New("models: no such model")
	ErrMissing = errors.New("models: model file not found")
	ErrCorrupt = errors.New("models: model file is damaged")
)

// catalogue is what a tree of <name>/manifest.json files says.
type catalogue struct {
	files     fs.FS
	manifests map[string]infer.Manifest
	names     []string // sorted
}

// readCatalogue reads every manifest. A folder without one is no model (yet).
func readCatalogue(files fs.FS) (*catalogue, error) {
	paths, err := fs.Glob(files, "*/manifest.json")
	if err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	c := &catalogue{files: files, manifests: map[string]infer.Manifest{}}
	for _, p := range paths {
		name := path.Dir(p)
		b, err := fs.ReadFile(files, p)
		if err != nil {
			return nil, fmt.Errorf("models: %w", err)
		}
		m, err := infer.ParseManifest(b)
		if err != nil {
			return nil, fmt.Errorf("models: %s: %w", p, err)
		}
		// File is joined to folders of the user's machine: it must stay a base name.
		if m.Name != name || m.File != path.Base(m.File) || !fs.ValidPath(m.File) || m.File == "." {
			return nil, fmt.Errorf("models: %s: %w: name %q, file %q", p, infer.ErrManifest, m.Name, m.File)
		}
		c.manifests[name] = m
		c.names = append(c.names, name)
	}
	slices.Sort(c.names)
	return c, nil
}

// shipped is the catalogue built into the program. Its manifests are checked by this package's tests, so a fault can only
// be a broken build.
var shipped = sync.OnceValue(func() *catalogue {
	c, err := readCatalogue(embedded)
	if err != nil {
		panic(err)
	}
	return c
})

// Names are the known models, sorted.
func Names() []string { return slices.Clone(shipped().names) }

// Manifest describes the model of that name. The error is ErrUnknown.
func Manifest(name string) (infer.Manifest, error) { return shipped().manifest(name) }

// ByRole are the models that can play a role ("detector", "landmark", "recognizer", "appearance", "generator"), by name.
func ByRole(role string) []infer.Manifest {
	c := shipped()
	var ms []infer.Manifest
	for _, n := range c.names {
		if m := c.manifests[n]; m.Role == role {
			ms = append(ms, m)
		}
	}
	return ms
}

// File is a side file of a model, as committed beside its manifest: File("generator", "head.json").
// The bytes are the caller's. The error wraps fs.ErrNotExist where there is no such file.
func File(name, base string) ([]byte, error) {
	b, err := embedded.ReadFile(path.Join(name, base))
	if err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	return b, nil
}

func (c *catalogue) manifest(name string) (infer.Manifest, error) {
	m, ok := c.manifests[name]
	if !ok {
		return m, fmt.Errorf("%w: %q; known: %v", ErrUnknown, name, c.names)
	}
	return m, nil
}

// own returns the weights committed beside the manifest, or nil where they are third-party.
func (c *catalogue) own(m infer.Manifest) ([]byte, error) {
	b, err := fs.ReadFile(c.files, path.Join(m.Name, m.File))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}
