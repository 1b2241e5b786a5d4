package element

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/go-gst/go-gst/gst"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/core/report"
	"github.com/ksamenet/ksamenet/gstplugin/internal/gsttest"
)

func oneFace(*frame.Picture) (pipeline.LiveCount, error) {
	return pipeline.LiveCount{Faces: 1, Replaced: 1}, nil
}

// Regions go out with the picture, and come in as boxes to cover; what one ksamenet wrote is not covered by the next.
func TestRegions(t *testing.T) {
	need(t, "videotestsrc", "fakesink")
	box := frame.Rect{X0: 10.4, Y0: 5, X1: 30, Y1: 25}
	src := source("I420", 64, 48, 3, "smpte")
	writer := func(name string) (*fake, string) {
		f := &fake{do: oneFace, faces: []pipeline.LiveFace{{Track: 1, Box: box, Replaced: true}, {Track: 2, Box: frame.Rect{X0: 70, Y0: 0, X1: 90, Y1: 20}}}}
		return f, strings.Replace(f.stageAs(t, name), "name=k", "name="+name, 1)
	}
	first, one := writer("a")
	second, two := writer("b")
	line := src + " ! " + one + " roi-meta=true ! identity name=between ! " + two + " roi-meta=true ! fakesink name=out"
	p := parse(t, line)
	between, err := p.GetElementByName("between")
	if err != nil {
		t.Fatal(err)
	}
	pad := unsafe.Pointer(between.GetStaticPad("src").Instance())
	regions := gsttest.CountRegions(pad, 10, 5, 20, 20)
	gsttest.AddRegion(pad, 40, 30, 10, 12)
	_ = p.SetState(gst.StatePlaying)
	if stopped, _ := wait(t, p); stopped != "" {
		t.Fatal(stopped)
	}
	if n := regions(); n != 3 {
		t.Errorf("%d pictures of 3 came with the face's region", n)
	}
	if len(first.regions) != 0 {
		t.Errorf("regions %v came from nowhere", first.regions)
	}
	if len(second.regions) != 3 || second.regions[0] != (frame.Rect{X0: 40, Y0: 30, X1: 50, Y1: 42}) {
		t.Errorf("regions %v, want the foreign one of each picture", second.regions)
	}
}

// A face that was found too late is told, and counts.
func TestUncoveredIsTold(t *testing.T) {
	need(t, "videotestsrc", "fakesink")
	f := &fake{missed: []pipeline.LiveMiss{{Track: 4, Box: frame.Rect{X0: 1, Y0: 2, X1: 11, Y1: 22}, Pictures: 5}}}
	stopped, told := play(t, source("I420", 64, 48, 2, "smpte")+" ! "+f.stage(t)+" ! fakesink")
	all := strings.Join(told, "\n")
	for _, want := range []string{"ksamenet-uncovered", "track=(int)4", "pictures=(int)5", "height=(int)20", "uncovered=(guint64)10"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q lacks %s: %q", all, want, stopped)
		}
	}
}

// The statistics come once a second of the stream, and can be asked for.
func TestStatistics(t *testing.T) {
	need(t, "videotestsrc", "fakesink")
	p := parse(t, source("I420", 64, 48, 76, "smpte")+" ! "+(&fake{do: oneFace}).stage(t)+" ! fakesink")
	_ = p.SetState(gst.StatePlaying)
	stopped, told := wait(t, p)
	if stopped != "" || len(told) != 4 { // after 25, 50 and 75 pictures, and at the end
		t.Errorf("%q, %d messages: %q", stopped, len(told), told)
	}
	k, err := p.GetElementByName("k")
	if err != nil {
		t.Fatal(err)
	}
	v, err := k.GetProperty("stats")
	if err != nil {
		t.Fatal(err)
	}
	s, ok := v.(*gst.Structure)
	if !ok {
		t.Fatalf("stats is a %T", v)
	}
	if n, err := s.GetValue("faces"); err != nil || n != uint64(76) {
		t.Errorf("faces is %v, %v", n, err)
	}
}

func TestReport(t *testing.T) {
	need(t, "videotestsrc", "fakesink")
	dir := t.TempDir()
	name := filepath.Join(dir, "run.json")
	src := source("I420", 64, 48, 7, "smpte")
	if stopped, _ := play(t, src+" ! "+(&fake{}).stage(t)+" report="+name+" ! fakesink"); stopped != "" {
		t.Fatal(stopped)
	}
	b, err := os.ReadFile(name)
	var r report.Report
	if err != nil || json.Unmarshal(b, &r) != nil || r.Output.Frames != 7 {
		t.Errorf("%v, %s", err, b)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("%v are left in the folder", left)
	}
	f := &fake{}
	if stopped, _ := play(t, src+" ! "+f.stage(t)+" report="+filepath.Join(dir, "none", "run.json")+" ! fakesink"); !strings.Contains(stopped, "hint: set report=") || f.painted != 0 {
		t.Errorf("a report that cannot be written: %q after %d pictures", stopped, f.painted)
	}
}

// Settings that may change do, from the next picture on.
func TestPropertiesChangeWhilePlaying(t *testing.T) {
	need(t, "videotestsrc", "fakesink")
	f := &fake{}
	p := parse(t, "videotestsrc is-live=true ! video/x-raw,format=I420,width=64,height=48,framerate=50/1 ! "+f.stage(t)+" lookahead=0 ! fakesink")
	if err := p.SetState(gst.StatePlaying); err != nil {
		t.Fatal(err)
	}
	k, err := p.GetElementByName("k")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		value any
	}{{"max-faces", uint(3)}, {"min-face-size", uint(40)}, {"halo", true}, {"lookahead", 6}} {
		if err := k.SetProperty(c.name, c.value); err != nil {
			t.Fatal(err)
		}
	}
	k.SetArg("fallback", "pixelate")
	last := func() (c pipeline.Config) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if n := len(f.adjusted); n > 0 {
			c = f.adjusted[n-1]
		}
		return c
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if c := last(); c.MaxFaces == 3 && c.MinFaceSize == 40 && c.Halo && c.Lookahead == 6 && c.Fallback == pipeline.FallbackPixelate {
			return
		}
	}
	t.Errorf("the pipeline was told %+v", last())
}

// Fields arrive as the caps and the buffers say.
func TestInterlaced(t *testing.T) {
	need(t, "videotestsrc", "capssetter", "fakesink")
	for _, tc := range []struct {
		caps string
		want frame.FieldOrder
	}{
		{"interlace-mode=progressive", frame.Progressive},
		{"interlace-mode=interleaved,field-order=bottom-field-first", frame.BottomFirst},
		{"interlace-mode=interleaved,field-order=top-field-first", frame.TopFirst},
	} {
		var got []frame.FieldOrder
		f := &fake{do: func(pic *frame.Picture) (pipeline.LiveCount, error) {
			got = append(got, pic.Fields)
			return pipeline.LiveCount{}, nil
		}}
		stopped, _ := play(t, source("I420", 64, 48, 2, "smpte")+" ! capssetter caps=video/x-raw,"+tc.caps+" ! "+f.stage(t)+" ! fakesink")
		if stopped != "" || len(got) != 2 || got[0] != tc.want {
			t.Errorf("%s: %q, fields %v, want %v", tc.caps, stopped, got, tc.want)
		}
	}
}
