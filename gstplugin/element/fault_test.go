package element

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-gst/go-gst/gst"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/core/infer/infertest"
	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/internal/testcrowd"
)

// faultyEngine is the installed engine, of which one model fails in some of its runs.
type faultyEngine struct {
	infer.Engine
	fail func() (nan bool, err error) // before each run; nan: its outputs cannot be used
}

type faultySession struct {
	infer.Session
	e faultyEngine
}

func (e faultyEngine) NewSession(shapes map[string][]int64) (infer.Session, error) {
	s, err := e.Engine.NewSession(shapes)
	return &faultySession{s, e}, err
}

func (s *faultySession) Run(ctx context.Context) error {
	nan, err := s.e.fail()
	if err != nil {
		return err
	}
	err = s.Session.Run(ctx)
	if nan {
		for _, t := range s.e.Tensors() {
			if data := s.Data(t.Name); !t.Input {
				for i := range data {
					data[i] = float32(math.NaN())
				}
			}
		}
	}
	return err
}

// faulty makes the backend "faulty": the model fails in its runs from first to last, counted from 1, in the way of kind. It counts
// how often it failed.
func faulty(t *testing.T, model, kind string, first, last int64) *atomic.Int64 {
	t.Helper()
	var runs, hits atomic.Int64
	fail := func() (nan bool, err error) {
		n := runs.Add(1)
		if n < first || n > last {
			return false, nil
		}
		hits.Add(1)
		switch kind {
		case "error":
			return false, errors.New("device lost")
		case "panic":
			var p *frame.Picture
			p.W = 1
		case "no memory":
			n := math.MaxInt
			_ = make([]byte, n) // what cannot be allocated panics
		case "slow":
			time.Sleep(250 * time.Millisecond)
		}
		return kind == "not finite", nil
	}
	infertest.Backend(t, "faulty", func(m infer.Manifest, b []byte, o infer.Options) (infer.Engine, error) {
		o.Backend = infer.ONNXRuntime
		e, err := infer.Open(m, b, o)
		if err != nil || m.Name != model {
			return e, err
		}
		return faultyEngine{e, fail}, nil
	})
	return &hits
}

// number is a picture's place in the clips of testcrowd: their first one is shown at 80 ms.
func number(b *gst.Buffer) int {
	return int(math.Round(b.PresentationTimestamp().AsDuration().Seconds()*25)) - 2
}

// shown are the pictures that a line gives its last element, out, by their number; and the error that stopped it. The element
// cut lets only the first so many pictures by.
func shown(t *testing.T, line string, first, w, h int) (map[int]*frame.Picture, string) {
	t.Helper()
	p := parse(t, line)
	all := map[int]*frame.Picture{}
	for name, look := range map[string]func(*gst.Buffer) gst.PadProbeReturn{
		"cut": func(b *gst.Buffer) gst.PadProbeReturn {
			if number(b) >= first {
				return gst.PadProbeDrop
			}
			return gst.PadProbeOK
		},
		"out": func(b *gst.Buffer) gst.PadProbeReturn {
			pic := frame.New(frame.I420, w, h)
			data := b.Bytes()
			for i := range pic.Planes {
				data = data[copy(pic.Planes[i].Data, data):]
			}
			all[number(b)] = pic
			return gst.PadProbeOK
		},
	} {
		e, err := p.GetElementByName(name)
		if err != nil {
			t.Fatal(err)
		}
		e.GetStaticPad("sink").AddProbe(gst.PadProbeTypeBuffer, func(_ *gst.Pad, info *gst.PadProbeInfo) gst.PadProbeReturn { return look(info.GetBuffer()) })
	}
	_ = p.SetState(gst.StatePlaying)
	stopped, _ := wait(t, p)
	if err := p.SetState(gst.StateNull); err != nil {
		t.Error(err)
	}
	return all, stopped
}

// crowd is a clip of two people whose faces cross, with what its maker knows.
type crowd struct {
	clip      testcrowd.Clip
	line      string
	originals map[int]*frame.Picture
	eyes      *pipeline.Watcher
}

func openCrowd(t *testing.T, pictures int) *crowd {
	t.Helper()
	sampleLine(t, 1) // skips without the networks
	c := &crowd{}
	for _, clip := range testcrowd.Clips(t) {
		if clip.Name == "crossing.mp4" {
			c.clip = clip
		}
	}
	c.line = fmt.Sprintf("filesrc location=%s ! decodebin ! videoconvert ! video/x-raw,format=I420 ! identity name=cut", c.clip.Path())
	var stopped string
	if c.originals, stopped = shown(t, c.line+" ! fakesink name=out", pictures, c.clip.Width, c.clip.Height); stopped != "" || len(c.originals) != pictures {
		t.Fatalf("%q, %d pictures", stopped, len(c.originals))
	}
	var err error
	if c.eyes, err = pipeline.OpenWatcher(context.Background(), pipeline.DefaultConfig(), false, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.eyes.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// exposed counts the faces in pictures that show what the camera saw: those that the maker of the clip knows, and those that
// the second detector sees. Nothing encodes the pictures, so what was not painted is the same to the bit.
func (c *crowd) exposed(t *testing.T, pictures map[int]*frame.Picture) (known, seen int) {
	t.Helper()
	for at, pic := range pictures {
		original := c.originals[at]
		if original == nil {
			t.Fatalf("picture %d has no original", at)
		}
		for _, f := range c.clip.Faces[at] {
			if f.Visible > .6 && same(original, pic, f.Rect()) > .3 {
				known++
			}
		}
		found, err := c.eyes.Lanes[0].Picture(context.Background(), pic, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if same(original, pic, f.Box) > .3 {
				seen++
			}
		}
	}
	return known, seen
}

// same is the share of equal luma samples in the middle of a box.
func same(a, b *frame.Picture, box frame.Rect) float64 {
	m := box.Grow(-.25, -.25).Intersect(a.Bounds())
	equal, all := 0, 0
	for y := int(m.Y0); y < int(m.Y1); y++ {
		for x := int(m.X0); x < int(m.X1); x++ {
			if all++; a.Planes[0].Data[y*a.Planes[0].Stride+x] == b.Planes[0].Data[y*b.Planes[0].Stride+x] {
				equal++
			}
		}
	}
	return float64(equal) / float64(max(all, 1))
}

// I7: whatever fails in whichever network, on-error is obeyed, and no clear face leaves, as the second detector judges it.
func TestFaultsShowNoFace(t *testing.T) {
	const pictures = 9
	c := openCrowd(t, pictures)
	if known, seen := c.exposed(t, c.originals); known < pictures || seen < pictures {
		t.Fatalf("%d and %d faces in the originals: the test would see nothing", known, seen)
	}
	for _, tc := range []struct {
		model, kind, on string
		left            int // pictures at least
		stops           string
	}{
		{"", "nothing", "error", pictures, ""},
		{"centerface", "error", "error", 0, "device lost"},
		{"centerface", "panic", "cover", pictures, ""},
		{"centerface", "no memory", "drop", 3, ""},
		{"facemesh", "not finite", "cover", pictures, ""},
		{"facemesh", "panic", "error", 0, "nil pointer"},
		{"appearance", "error", "cover", pictures, ""},
		{"generator-small", "error", "drop", 1, ""},
		{"generator-small", "panic", "cover", pictures, ""},
		{"generator-small", "not finite", "error", 0, "unusable output"},
	} {
		t.Run(strings.TrimSpace(tc.model+" "+tc.kind+" "+tc.on), func(t *testing.T) {
			hits := faulty(t, tc.model, tc.kind, 4, 5)
			got, stopped := shown(t, c.line+" ! ksamenet engine=faulty uncertified=true qos=false lookahead=3 detect-interval=1 on-error="+tc.on+" ! fakesink name=out", pictures, c.clip.Width, c.clip.Height)
			if (tc.stops == "") != (stopped == "") || !strings.Contains(stopped, tc.stops) {
				t.Errorf("stopped with %q, want %q", stopped, tc.stops)
			}
			if tc.model != "" && hits.Load() == 0 {
				t.Error("the model did not fail")
			}
			if len(got) < tc.left || tc.stops != "" && len(got) == pictures {
				t.Errorf("%d pictures left, want %d at least", len(got), tc.left)
			}
			if known, seen := c.exposed(t, got); known > 0 || seen > 0 {
				t.Errorf("%d faces of the clip are clear, and %d that the second detector sees", known, seen)
			}
		})
	}
}

// An engine slower than a live stream: pictures are dropped for being late, and none shows a face.
func TestSlowEngineShowsNoFace(t *testing.T) {
	const pictures = 25
	c := openCrowd(t, pictures)
	faulty(t, "centerface", "slow", 1, math.MaxInt64)
	got, stopped := shown(t, c.line+" ! identity sync=true ! ksamenet engine=faulty uncertified=true lookahead=3 detect-interval=1 ! fakesink name=out sync=true qos=true max-lateness=20000000",
		pictures, c.clip.Width, c.clip.Height)
	if stopped != "" || len(got) == 0 || len(got) == pictures {
		t.Errorf("%q; %d of %d pictures left, want some, and some dropped", stopped, len(got), pictures)
	}
	if known, seen := c.exposed(t, got); known > 0 || seen > 0 {
		t.Errorf("%d faces of the clip are clear, and %d that the second detector sees", known, seen)
	}
}
