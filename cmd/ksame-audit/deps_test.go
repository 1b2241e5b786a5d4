package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// An auditor reads what is linked: the standard library, the guarantee, the report and what that is made of. No cgo, no
// registry, no third party.
func TestWhatIsLinked(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}} {{len .CgoFiles}}{{end}}", ".")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	allowed := []string{"core/ksame", "core/report", "core/decisions", "core/timecode", "core/appearance", "core/align", "core/compositor", "core/frame", "cmd/ksame-audit"}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for _, line := range lines {
		path, cgo, _ := strings.Cut(line, " ")
		if local, ours := strings.CutPrefix(path, "github.com/ksamenet/ksamenet/"); !ours || !slices.Contains(allowed, local) {
			t.Errorf("%s is linked", path)
		}
		if cgo != "0" {
			t.Errorf("%s uses cgo", path)
		}
	}
	if len(lines) < 3 {
		t.Errorf("go list names %q only", lines)
	}
}
