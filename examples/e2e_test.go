//go:build e2e

// Package examples runs the examples as a user would: `make test-e2e`.
package examples

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ksamenet/ksamenet/internal/require"
)

// patience is how long an example may take on a busy machine before it counts as hung.
const patience = 2 * time.Minute

// small are properties that make the element cheap: the test clips are 320 px wide.
var small = []string{"uncertified=true", "detect-side=320"}

// TestMain puts the tests in the root of the tree, where a user is.
func TestMain(m *testing.M) {
	if err := os.Chdir(".."); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// need skips without the plugin, the tools and the elements that an example is made of.
func need(t *testing.T, elements ...string) {
	t.Helper()
	if _, err := os.Stat("bin/libgstksamenet.so"); err != nil {
		require.Missing(t, "gst", "no plugin: make plugin")
	}
	for _, tool := range []string{"gst-launch-1.0", "gst-inspect-1.0", "ffmpeg", "ffprobe"} {
		if _, err := exec.LookPath(tool); err != nil {
			require.Missing(t, "gst", err.Error())
		}
	}
	for _, e := range append(elements, "ksamenet", "decodebin", "avdec_h264", "videoconvert", "x264enc", "h264parse") {
		c := exec.Command("gst-inspect-1.0", "--exists", "--atleast-version=0.0", e) // else it wants GStreamer's own version of each plugin
		c.Env = environment()
		if err := c.Run(); err != nil {
			require.Missing(t, "gst", "no element "+e)
		}
	}
}

// environment is the user's, with GLib's warnings made fatal, and no plugin of another tree in the way.
func environment(more ...string) []string {
	path, _ := filepath.Abs("bin")
	return append(os.Environ(), append([]string{"GST_PLUGIN_PATH=" + path, "G_DEBUG=fatal-warnings"}, more...)...)
}

// job is a running example or one of its peers.
type job struct {
	*exec.Cmd
	t    *testing.T
	out  bytes.Buffer
	done chan error
	over chan struct{} // closed at the end
}

// start runs a command in a group of its own, so that what it starts ends with it.
func start(t *testing.T, env []string, name string, args ...string) *job {
	t.Helper()
	j := &job{Cmd: exec.Command(name, args...), t: t, done: make(chan error, 1), over: make(chan struct{})}
	j.Env, j.Stdout, j.Stderr = environment(env...), &j.out, &j.out
	j.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := j.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { j.done <- j.Wait(); close(j.over) }()
	t.Cleanup(func() {
		_ = syscall.Kill(-j.Process.Pid, syscall.SIGKILL)
		<-j.over
		if t.Failed() {
			t.Logf("%s\n%s", strings.Join(j.Args, " "), j.out.String())
		}
	})
	return j
}

// end waits for the end.
func (j *job) end() error {
	j.t.Helper()
	select {
	case err := <-j.done:
		return err
	case <-time.After(patience):
		_ = syscall.Kill(-j.Process.Pid, syscall.SIGKILL)
		<-j.done
		j.t.Fatalf("%s: no end after %v\n%s", strings.Join(j.Args, " "), patience, j.out.String())
		return nil
	}
}

// finish waits for the end and wants it to be a good one.
func (j *job) finish() string {
	j.t.Helper()
	if err := j.end(); err != nil {
		j.t.Fatalf("%s: %v\n%s", strings.Join(j.Args, " "), err, j.out.String())
	}
	return j.out.String()
}

// fail waits for the end and wants it to be a bad one.
func (j *job) fail() string {
	j.t.Helper()
	if err := j.end(); err == nil {
		j.t.Fatalf("%s: did not fail\n%s", strings.Join(j.Args, " "), j.out.String())
	}
	return j.out.String()
}

// interrupt is Ctrl-C.
func (j *job) interrupt() { _ = syscall.Kill(-j.Process.Pid, syscall.SIGINT) }

// until waits for a condition that the job is to bring about.
func (j *job) until(what string, held func() bool) {
	j.t.Helper()
	for deadline := time.Now().Add(patience); !held(); time.Sleep(100 * time.Millisecond) {
		select {
		case err := <-j.done:
			j.t.Fatalf("%s: ended (%v) before %s\n%s", strings.Join(j.Args, " "), err, what, j.out.String())
		default:
		}
		if time.Now().After(deadline) {
			_ = syscall.Kill(-j.Process.Pid, syscall.SIGKILL)
			<-j.done
			j.t.Fatalf("%s: %s did not come about\n%s", strings.Join(j.Args, " "), what, j.out.String())
		}
	}
}

// larger says whether a file has more bytes than n.
func larger(name string, n int64) func() bool {
	return func() bool {
		s, err := os.Stat(name)
		return err == nil && s.Size() > n
	}
}

func script(name string) string { return "examples/pipelines/" + name }

// with appends the cheap properties.
func with(args ...string) []string { return append(args, small...) }
