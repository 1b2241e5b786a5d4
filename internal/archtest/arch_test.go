// Package archtest keeps the walls of the house (docs/architecture.md): an import that climbs fails here, with its reason.
package archtest

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/ksamenet/ksamenet"

type pkg struct {
	ImportPath string
	Standard   bool
	Deps       []string
	Imports    []string
	GoFiles    []string
	CgoFiles   []string
}

// list reads packages and everything they depend on, as built without cgo: the walls concern core and native, which are pure Go.
func list(t *testing.T, patterns ...string) map[string]pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-e", "-deps", "-json=ImportPath,Standard,Deps,Imports,GoFiles,CgoFiles"}, patterns...)...)
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	pkgs := map[string]pkg{}
	d := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs[p.ImportPath] = p
	}
}

func TestWalls(t *testing.T) {
	pkgs := list(t, "./core/...", "./native/...", "./models/...")
	for _, wall := range []struct{ from, to, why string }{
		{"core/", module + "/ffcli", "the core serves both hosts and knows neither"},
		{"core/", module + "/gstplugin", "the core serves both hosts and knows neither"},
		{"core/", "github.com/go-gst/", "media frameworks stay in the hosts"},
		{"core/", "github.com/asticode/", "media frameworks stay in the hosts"},
		{"core/", "github.com/urfave/", "the command line is a host's business"},
		{"native/", module + "/core", "backends are adapted by core/infer, not the other way round"},
		{"core/frame", "gorgonia.org/", "pixels are plain loops"},
		{"core/tracker", "gorgonia.org/", "the tracker is plain geometry"},
		{"core/report", "gorgonia.org/", "an auditor's reader needs no matrix library"},
		{"core/generator", module + "/core/ksame", "I1: identity enters the generator only as a cluster id"},
		{"core/generator", module + "/core/registry", "I1: no embedding type is importable in the generator"},
		{"core/generator", module + "/core/recognizer", "I1: no embedding type is importable in the generator"},
		{"core/generator", module + "/core/tracker", "I1: the generator knows clusters and appearances only"},
		{"core/generator", module + "/core/decisions", "I1: the generator knows clusters and appearances only"},
		{"core/generator", module + "/core/compositor", "the generator renders, the compositor places"},
		{"core/compositor", module + "/core/registry", "I1: the compositor knows no identity"},
		{"core/compositor", module + "/core/recognizer", "I1: the compositor knows no identity"},
		{"core/decisions", module + "/core/registry", "I12: a decision list holds no embedding"},
		{"core/decisions", module + "/core/recognizer", "I12: a decision list holds no embedding"},
		{"core/report", module + "/core/recognizer", "I12: a report holds no embedding"},
	} {
		found := false
		for path, p := range pkgs {
			if !strings.HasPrefix(path, module+"/"+wall.from) {
				continue
			}
			found = true
			for _, dep := range p.Deps {
				if strings.HasPrefix(dep, wall.to) {
					t.Errorf("%s depends on %s: %s", path, dep, wall.why)
				}
			}
		}
		if !found {
			t.Errorf("no package under %s: the wall towards %s guards nothing", wall.from, wall.to)
		}
	}
}

// core/ksame is what an auditor reads: it stands on the standard library alone.
func TestKsameIsStandardLibraryOnly(t *testing.T) {
	pkgs := list(t, "./core/ksame")
	p, ok := pkgs[module+"/core/ksame"]
	if !ok {
		t.Fatal("core/ksame is missing")
	}
	for _, dep := range p.Deps {
		if !pkgs[dep].Standard {
			t.Errorf("core/ksame depends on %s", dep)
		}
	}
}

// cgo lives in gstplugin and ffcli alone.
func TestCgoOnlyInHosts(t *testing.T) {
	for path, p := range list(t, "./...") {
		if !strings.HasPrefix(path, module+"/") || len(p.CgoFiles) == 0 {
			continue
		}
		if !strings.HasPrefix(path, module+"/ffcli") && !strings.HasPrefix(path, module+"/gstplugin") {
			t.Errorf("%s uses cgo: %v", path, p.CgoFiles)
		}
	}
}

// The five packages that the product is built on are each used where the house puts them.
func TestNamedPackagesAreUsed(t *testing.T) {
	pkgs := list(t, "./...")
	for _, use := range []struct{ dep, where string }{
		{"github.com/go-gst/go-gst/gst", "gstplugin"},
		{"github.com/asticode/go-astiav", "ffcli"},
		{"gorgonia.org/tensor", "core/"},
		{"github.com/ebitengine/purego", "native/"},
		{"github.com/urfave/cli/v2", "ffcli"},
	} {
		used := false
		for path, p := range pkgs {
			if !strings.HasPrefix(path, module+"/"+use.where) {
				continue
			}
			for _, i := range p.Imports {
				used = used || i == use.dep
			}
		}
		if !used {
			t.Errorf("%s is not imported under %s", use.dep, use.where)
		}
	}
}
