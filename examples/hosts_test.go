//go:build e2e

package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/internal/require"
)

// python is a Python that knows GStreamer's introspection: the system's, as a rule.
func python(t *testing.T, namespace string) string {
	t.Helper()
	for _, p := range []string{os.Getenv("GST_PYTHON"), "/usr/bin/python3", "python3"} {
		if p != "" && exec.Command(p, "-c", "import gi; gi.require_version('"+namespace+"', '1.0')").Run() == nil {
			return p
		}
	}
	require.Missing(t, "gst", "no Python with the introspection of "+namespace+" (packages python3-gi, gir1.2-gst-rtsp-server-1.0; GST_PYTHON names another Python)")
	return ""
}

func TestPythonHost(t *testing.T) {
	need(t, "videorate", "appsink", "qtdemux")
	clip, still := stillClip(t, 40)
	dir := t.TempDir()
	host := python(t, "GstApp")
	out := start(t, nil, host, append([]string{"examples/python/host.py"}, with(clip, dir)...)...).finish()
	snapshots(t, dir, "ppm", out, still)

	j := start(t, nil, host, "examples/python/host.py", clip, dir, "k=5") // neither registry nor uncertified
	if out := j.fail(); !strings.Contains(out, "uncertified=true") {
		t.Errorf("without a registry: %s", out)
	}
}

// The program has the element inside; with a plugin in the path too, its own is used and nothing warns.
func TestGoHost(t *testing.T) {
	need(t, "videorate", "appsink", "qtdemux")
	clip, still := stillClip(t, 40)
	dir := t.TempDir()
	program := filepath.Join(dir, "gohost")
	tool(t, "go", "build", "-o", program, "./examples/gohost")
	pictures := filepath.Join(dir, "pictures")
	out := start(t, nil, program, with(clip, pictures)...).finish()
	snapshots(t, pictures, "png", out, still)
	out = start(t, []string{"GST_PLUGIN_PATH=" + filepath.Join(dir, "none")}, program, with(clip, pictures)...).finish()
	snapshots(t, pictures, "png", out, still)

	j := start(t, nil, program, clip, pictures, "k=5") // neither registry nor uncertified
	if out := j.fail(); !strings.Contains(out, "uncertified=true") {
		t.Errorf("without a registry: %s", out)
	}
}

// snapshots wants one redacted picture a second of 40 pictures at 25 a second, and a message of the element's.
func snapshots(t *testing.T, dir, kind, out string, still []byte) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*."+kind))
	if err != nil || len(names) < 1 || len(names) > 3 {
		t.Fatalf("pictures %v, %v; want one a second\n%s", names, err, out)
	}
	for i, name := range names {
		picture := grey(t, name)
		if len(picture) != len(still) {
			t.Fatalf("%s has %d pixels, want %d", name, len(picture), len(still))
		}
		compare(t, i, picture, still, stillW, stillFace(t))
	}
	if !strings.Contains(out, "ksamenet-") {
		t.Errorf("no message of the element's in %q", out)
	}
}
