// Package testvideo makes small clips with the ffmpeg tool while tests run, so that the repository need not carry them.
// It serves tests only. Without the tool a test skips, or fails when KSAMENET_REQUIRE names "av".
package testvideo

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/internal/require"
)

// Tool is the path of a program of FFmpeg ("ffmpeg", "ffprobe"); the test ends when it is not installed.
func Tool(t testing.TB, name string) string {
	t.Helper()
	p, err := exec.LookPath(name)
	if err != nil {
		require.Missing(t, "av", "the "+name+" tool is not installed")
	}
	return p
}

// FFmpeg runs the ffmpeg tool in dir; the test fails when the tool does.
func FFmpeg(t testing.TB, dir string, args ...string) {
	t.Helper()
	output(t, dir, Tool(t, "ffmpeg"), append([]string{"-nostdin", "-hide_banner", "-v", "error", "-y"}, args...))
}

// Probe runs the ffprobe tool and returns its lines.
func Probe(t testing.TB, args ...string) []string {
	t.Helper()
	out := output(t, "", Tool(t, "ffprobe"), append([]string{"-v", "error"}, args...))
	return strings.Split(strings.TrimSpace(out), "\n")
}

// FrameMD5 gives one line for each decoded frame, or copied packet, that -f framemd5 writes for the input and the given
// output options: "0, dts, pts, duration, size, hash".
func FrameMD5(t testing.TB, path string, args ...string) []string {
	t.Helper()
	a := append([]string{"-nostdin", "-v", "error", "-i", path}, args...)
	out := output(t, "", Tool(t, "ffmpeg"), append(a, "-f", "framemd5", "-"))
	var lines []string
	for _, l := range strings.Split(out, "\n") {
		if l != "" && l[0] != '#' {
			lines = append(lines, l)
		}
	}
	return lines
}

func output(t testing.TB, dir, tool string, args []string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := exec.Command(tool, args...)
	c.Dir, c.Stdout, c.Stderr = dir, &stdout, &stderr
	if err := c.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(tool), strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String()
}

// Make writes the clip of that name to a folder of the test's own and returns its path. The names are those of Clips, and
// of the files that are no clips: Empty, Garbage, Directory.
func Make(t testing.TB, name string) string {
	t.Helper()
	switch path := filepath.Join(t.TempDir(), name); name {
	case Empty:
		write(t, path, nil)
		return path
	case Garbage:
		write(t, path, bytes.Repeat([]byte("this is no film, whatever its name says. "), 500))
		return path
	case Directory:
		if err := os.Mkdir(path, 0o777); err != nil {
			t.Fatal(err)
		}
		return path
	}
	c, ok := Clips[name]
	if !ok {
		t.Fatalf("testvideo: no clip %q", name)
	}
	return MakeClip(t, name, c)
}

// MakeClip writes the file of a recipe to a folder of the test's own and returns its path; its extension is the container.
func MakeClip(t testing.TB, name string, c Clip) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, name)
	for f, text := range c.Files {
		write(t, filepath.Join(dir, f), []byte(text))
	}
	for _, step := range c.Steps {
		FFmpeg(t, dir, append(strings.Fields(step), "-fflags", "+bitexact", name)...)
		if len(c.Steps) > 1 { // each step reads what the one before wrote
			if err := os.Rename(path, filepath.Join(dir, "step"+filepath.Ext(name))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(c.Steps) > 1 {
		if err := os.Rename(filepath.Join(dir, "step"+filepath.Ext(name)), path); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// Cut writes the first share (0..1) of the bytes of a file beside it and returns the new path.
func Cut(t testing.TB, path string, share float64) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), fmt.Sprintf("cut-%s", filepath.Base(path)))
	write(t, to, b[:int(float64(len(b))*share)])
	return to
}

// Damage writes a copy in which n bytes from the given share of the file on are overwritten, and returns its path.
func Damage(t testing.TB, path string, at float64, n int) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	from := int(float64(len(b)) * at)
	for i := from; i < min(len(b), from+n); i++ {
		b[i] ^= byte(0x5a + i*37)
	}
	to := filepath.Join(t.TempDir(), "damaged-"+filepath.Base(path))
	write(t, to, b)
	return to
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
}
