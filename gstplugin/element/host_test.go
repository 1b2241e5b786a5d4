package element

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-gst/go-glib/glib"
	"github.com/go-gst/go-gst/gst"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/core/report"
	"github.com/ksamenet/ksamenet/internal/require"
)

// The tests are a Go host with the element registered statically: as `ksamenet`, and as `ksamenettest`, which plays the
// fakes of this file in place of networks; its property models names one.
func TestMain(m *testing.M) {
	if os.Getenv("G_DEBUG") == "" { // GLib reads it before Go starts
		os.Setenv("G_DEBUG", "fatal-warnings")
		if err := syscall.Exec("/proc/self/exe", os.Args, os.Environ()); err != nil {
			panic(err)
		}
	}
	gst.Init(nil)
	if !Register(nil) || !gst.RegisterElement(nil, "ksamenettest", gst.RankNone, &faked{}, extendsVideoFilter{}) {
		panic("the element cannot be registered")
	}
	os.Exit(m.Run())
}

// faked is a Go type of its own, since go-glib makes one class per Go type.
type faked struct{ ksamenet }

func (*faked) New() glib.GoObjectSubclass {
	f := &faked{}
	f.set, f.open = defaultSettings(), openFake
	return f
}

// fake is a live pipeline that does what a test says. It counts what happens to it.
type fake struct {
	look    func(*frame.Picture) error
	do      func(*frame.Picture) (pipeline.LiveCount, error)
	faces   []pipeline.LiveFace
	missed  []pipeline.LiveMiss
	openErr error
	onClose func()

	mu                                       sync.Mutex
	opened, closed, resets, resumed, painted int
	held, most                               int // pictures
	sizes                                    []string
	regions                                  []frame.Rect
	set                                      settings
	adjusted                                 []pipeline.Config
}

var (
	fakesMu sync.Mutex
	fakes   = map[string]*fake{}
)

// stage registers f for the length of a test under the test's name, and returns the element to write in a pipeline.
func (f *fake) stage(t *testing.T) string { return f.stageAs(t, "") }

// stageAs is stage for one of several elements of a test.
func (f *fake) stageAs(t *testing.T, which string) string {
	fakesMu.Lock()
	defer fakesMu.Unlock()
	name := strings.NewReplacer("/", "-", " ", "-").Replace(t.Name()) + which
	fakes[name] = f
	t.Cleanup(func() {
		fakesMu.Lock()
		defer fakesMu.Unlock()
		delete(fakes, name)
	})
	return "ksamenettest name=k models=" + name
}

func openFake(_ context.Context, set settings) (live, error) {
	fakesMu.Lock()
	f := fakes[set.config.ModelsDir]
	fakesMu.Unlock()
	if f == nil {
		return nil, errors.New("no fake of that name")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.set = set
	if f.openErr != nil {
		return nil, f.openErr
	}
	f.opened++
	return f, nil
}

func (f *fake) Examine(_ context.Context, pic *frame.Picture, regions ...frame.Rect) error {
	f.mu.Lock()
	f.held++
	f.most = max(f.most, f.held)
	f.regions = append(f.regions, regions...)
	f.mu.Unlock()
	if f.look == nil {
		return nil
	}
	return f.look(pic)
}

func (f *fake) Paint(_ context.Context, pic *frame.Picture) (pipeline.LiveCount, error) {
	f.mu.Lock()
	f.painted++
	f.held--
	size := pic.Layout.Name + " " + itoa(pic.W) + "x" + itoa(pic.H)
	if n := len(f.sizes); n == 0 || f.sizes[n-1] != size {
		f.sizes = append(f.sizes, size)
	}
	f.mu.Unlock()
	if f.do == nil {
		return pipeline.LiveCount{}, nil
	}
	return f.do(pic)
}

func (f *fake) Faces() []pipeline.LiveFace  { return f.faces }
func (f *fake) Missed() []pipeline.LiveMiss { return f.missed }
func (f *fake) Engine() infer.Info          { return infer.Info{Backend: "fake"} }

func (f *fake) Adjust(cfg pipeline.Config) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.adjusted = append(f.adjusted, cfg)
	return cfg.Validate()
}

func (f *fake) Report(lost pipeline.Lost) *report.Report {
	r := report.New("fake", &decisions.List{Source: decisions.Source{Frames: int64(f.painted) + lost.Blanked + lost.Dropped}})
	r.Finish(report.Coverage{}, report.File{Frames: r.Input.Frames - lost.Dropped})
	return r
}

func (f *fake) Resume() error { f.mu.Lock(); f.resumed++; f.held = 0; f.mu.Unlock(); return nil }

func (f *fake) HitRate() float64 { return 0.5 }

func (f *fake) Reset() { f.mu.Lock(); f.resets++; f.held = 0; f.mu.Unlock() }

func (f *fake) Close() error {
	f.mu.Lock()
	f.closed++
	f.mu.Unlock()
	if f.onClose != nil {
		f.onClose()
	}
	return nil
}

func (f *fake) counts() (opened, closed, resets, painted int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.opened, f.closed, f.resets, f.painted
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + itoa(n%10)
}

// need skips without the elements of GStreamer that a test plays with.
func need(t *testing.T, elements ...string) {
	t.Helper()
	for _, e := range elements {
		if gst.Find(e) == nil {
			require.Missing(t, "gst", "no element "+e)
		}
	}
}

// parse makes a pipeline that is stopped at the end of the test.
func parse(t *testing.T, line string) *gst.Pipeline {
	t.Helper()
	p, err := gst.NewPipelineFromString(line)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	t.Cleanup(func() {
		if err := p.SetState(gst.StateNull); err != nil {
			t.Errorf("%s: stopping: %v", line, err)
		}
	})
	return p
}

// play runs a line to its end and returns the text of the error that stopped it, and the structures of the element's
// messages.
func play(t *testing.T, line string) (stopped string, faces []string) {
	t.Helper()
	p := parse(t, line)
	_ = p.SetState(gst.StatePlaying) // a failure is on the bus
	stopped, faces = wait(t, p)
	if err := p.SetState(gst.StateNull); err != nil {
		t.Errorf("%s: stopping: %v", line, err)
	}
	return stopped, faces
}

func wait(t *testing.T, p *gst.Pipeline) (stopped string, faces []string) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Minute) // on a machine that does much else
	for time.Now().Before(deadline) {
		m := p.GetPipelineBus().TimedPopFiltered(gst.ClockTime(time.Second), gst.MessageEOS|gst.MessageError|gst.MessageElement)
		if m == nil {
			continue
		}
		switch m.Type() {
		case gst.MessageEOS:
			return "", faces
		case gst.MessageError:
			return m.ParseError().Error(), faces
		case gst.MessageElement:
			faces = append(faces, m.GetStructure().String())
		}
	}
	t.Fatal("the pipeline neither ended nor failed")
	return "", nil
}

// recordLine plays a line, with the name of a file in place of %s, and returns the file's bytes and the error that stopped it.
func recordLine(t *testing.T, line string) ([]byte, string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "out.raw")
	stopped, _ := play(t, strings.ReplaceAll(line, "%s", name))
	b, err := os.ReadFile(name)
	if err != nil && stopped == "" {
		t.Fatal(err)
	}
	return b, stopped
}

// record plays source ! element ! rest into a file and returns its bytes and the error that stopped it.
func record(t *testing.T, line string) ([]byte, string) {
	t.Helper()
	return recordLine(t, line+" ! filesink buffer-mode=unbuffered location=%s") // what had left before an error counts
}
