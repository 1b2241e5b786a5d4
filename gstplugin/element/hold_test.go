package element

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-gst/go-gst/gst"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/pipeline"
)

// Holding pictures back changes neither their number, nor their order, nor a byte of them, whatever their format becomes.
func TestLookAheadKeepsThePictures(t *testing.T) {
	need(t, "videotestsrc", "concat", "filesink")
	line := func(stage string) string {
		return "concat name=c ! " + stage + " ! identity name=after ! filesink location=%s " +
			source("I420", 64, 48, 20, "ball") + " ! c. " + source("NV12", 80, 64, 3, "ball") + " ! c. " + source("I420", 64, 48, 30, "smpte") + " ! c."
	}
	want, stopped := recordLine(t, line("identity"))
	if stopped != "" || len(want) == 0 {
		t.Fatal(stopped, len(want))
	}
	for _, ahead := range []int{0, 1, 5, 12, 100} {
		t.Run(fmt.Sprint(ahead), func(t *testing.T) {
			f := &fake{}
			got, stopped := recordLine(t, line(f.stage(t)+fmt.Sprintf(" lookahead=%d", ahead)))
			if stopped != "" || !bytes.Equal(got, want) {
				t.Errorf("%q; %d bytes, want %d, or they differ", stopped, len(got), len(want))
			}
			if most := min(ahead, 30) + 1; ahead <= 12 && f.most != most {
				t.Errorf("%d pictures were known at once, want %d", f.most, most)
			}
			if f.painted != 53 || f.held != 0 {
				t.Errorf("%d painted, %d held", f.painted, f.held)
			}
		})
	}
}

// times are the picture times that leave a line whose last element is called out.
func times(t *testing.T, line string) (all []time.Duration) {
	t.Helper()
	p := parse(t, line)
	out, err := p.GetElementByName("out")
	if err != nil {
		t.Fatal(err)
	}
	out.GetStaticPad("sink").AddProbe(gst.PadProbeTypeBuffer, func(_ *gst.Pad, info *gst.PadProbeInfo) gst.PadProbeReturn {
		all = append(all, *info.GetBuffer().PresentationTimestamp().AsDuration())
		return gst.PadProbeOK
	})
	_ = p.SetState(gst.StatePlaying)
	if stopped, _ := wait(t, p); stopped != "" {
		t.Fatal(stopped)
	}
	return all
}

func TestLookAheadKeepsTheTimes(t *testing.T) {
	need(t, "videotestsrc", "fakesink")
	src := source("I420", 64, 48, 40, "ball")
	want := times(t, src+" ! fakesink name=out")
	got := times(t, src+" ! "+(&fake{}).stage(t)+" lookahead=7 ! fakesink name=out")
	if len(want) != 40 || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Latency is what upstream says and what is held back; a change is told.
func TestLatency(t *testing.T) {
	need(t, "videotestsrc", "fakesink")
	f := &fake{}
	p := parse(t, "videotestsrc is-live=true ! video/x-raw,format=I420,width=64,height=48,framerate=25/1 ! "+f.stage(t)+" lookahead=5 ! fakesink name=out sync=true")
	if err := p.SetState(gst.StatePlaying); err != nil {
		t.Fatal(err)
	}
	p.GetState(gst.StatePlaying, gst.ClockTime(20*time.Second))
	k, err := p.GetElementByName("k")
	if err != nil {
		t.Fatal(err)
	}
	ask := func() time.Duration {
		q := gst.NewLatencyQuery()
		if !k.GetStaticPad("src").Query(q) {
			t.Fatal("no answer")
		}
		_, least, _ := q.ParseLatency()
		return time.Duration(least)
	}
	before := ask()
	if before < 240*time.Millisecond || before > 300*time.Millisecond { // a picture in the source, five here
		t.Errorf("latency %v with 5 pictures of 40 ms held", before)
	}
	for p.GetPipelineBus().PopFiltered(gst.MessageLatency) != nil {
	}
	if err := k.SetProperty("lookahead", 10); err != nil {
		t.Fatal(err)
	}
	if m := p.GetPipelineBus().TimedPopFiltered(gst.ClockTime(20*time.Second), gst.MessageLatency|gst.MessageError); m == nil || m.Type() != gst.MessageLatency {
		t.Errorf("message %v, want one about the latency", m)
	}
	if after := ask(); after != before+200*time.Millisecond {
		t.Errorf("latency %v after 10 pictures were asked for, %v before", after, before)
	}
	for _, ahead := range []int{0, 3, 100, -1} { // while it plays
		if err := k.SetProperty("lookahead", ahead); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	if m := p.GetPipelineBus().PopFiltered(gst.MessageError); m != nil {
		t.Error(m.ParseError().Error())
	}
}

// A source with a pool that cannot grow is not starved by pictures that are held: its own pool has room for them, or they are
// copied.
func TestLookAheadDoesNotStarveTheSource(t *testing.T) {
	need(t, "videotestsrc", "queue", "fakesink")
	f := &fake{}
	if stopped, _ := play(t, source("I420", 320, 240, 150, "ball")+" ! "+f.stage(t)+" lookahead=100 ! queue max-size-buffers=2 ! fakesink"); stopped != "" || f.painted != 150 {
		t.Errorf("%q after %d pictures", stopped, f.painted)
	}
}

// Events keep their place among the pictures.
func TestEventsKeepTheirPlace(t *testing.T) {
	need(t, "videotestsrc", "fakesink")
	p := parse(t, source("I420", 64, 48, 30, "ball")+" ! identity name=before ! "+(&fake{}).stage(t)+" lookahead=8 ! fakesink name=out")
	before, err := p.GetElementByName("before")
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.GetElementByName("out")
	if err != nil {
		t.Fatal(err)
	}
	came, left, at := 0, 0, -1
	before.GetStaticPad("src").AddProbe(gst.PadProbeTypeBuffer, func(pad *gst.Pad, _ *gst.PadProbeInfo) gst.PadProbeReturn {
		if came++; came == 11 { // in front of the eleventh
			pad.PushEvent(gst.NewCustomEvent(gst.EventTypeCustomDownstream, gst.NewStructure("marker")))
		}
		return gst.PadProbeOK
	})
	pad := out.GetStaticPad("sink")
	pad.AddProbe(gst.PadProbeTypeBuffer, func(*gst.Pad, *gst.PadProbeInfo) gst.PadProbeReturn { left++; return gst.PadProbeOK })
	pad.AddProbe(gst.PadProbeTypeEventDownstream, func(_ *gst.Pad, info *gst.PadProbeInfo) gst.PadProbeReturn {
		if e := info.GetEvent(); e.Type() == gst.EventTypeCustomDownstream {
			at = left
		}
		return gst.PadProbeOK
	})
	_ = p.SetState(gst.StatePlaying)
	if stopped, _ := wait(t, p); stopped != "" || left != 30 || at != 10 {
		t.Errorf("%q; %d pictures, the marker after %d, want 30 and 10", stopped, left, at)
	}
}

// An error while pictures are held: nothing that was held leaves as it came.
func TestHeldPicturesShareTheFate(t *testing.T) {
	need(t, "videotestsrc", "filesink")
	const picture = 64 * 48 * 3 / 2
	for _, tc := range []struct {
		on, look       string
		clear, blanked int
		stops          bool
	}{
		{"error", "examine", 4, 0, true}, {"cover", "examine", 14, 6, false}, {"drop", "examine", 14, 0, false},
		{"error", "paint", 9, 0, true}, {"cover", "paint", 14, 6, false}, {"drop", "paint", 14, 0, false},
		{"error", "panic", 4, 0, true}, {"cover", "panic", 14, 6, false}, {"drop", "panic", 14, 0, false},
	} {
		t.Run(tc.on+" "+tc.look, func(t *testing.T) {
			n := 0
			f := &fake{}
			fails := func() error {
				if n++; n != 10 {
					return nil
				}
				if tc.look == "panic" {
					panic("boom")
				}
				return errors.New("device lost")
			}
			if tc.look == "paint" {
				f.do = func(*frame.Picture) (pipeline.LiveCount, error) { return pipeline.LiveCount{}, fails() }
			} else {
				f.look = func(*frame.Picture) error { return fails() }
			}
			got, stopped := record(t, source("I420", 64, 48, 20, "white")+" ! "+f.stage(t)+" lookahead=5 on-error="+tc.on)
			if tc.stops != (stopped != "") || tc.stops && !strings.Contains(stopped, "device lost") && !strings.Contains(stopped, "boom") {
				t.Errorf("stopped with %q", stopped)
			}
			clear, blank := 0, 0
			for ; len(got) >= picture; got = got[picture:] {
				switch luma := got[:64*48]; {
				case bytes.Count(luma, luma[:1]) == len(luma) && luma[0] > 200:
					clear++
				case bytes.Count(luma, luma[:1]) == len(luma) && luma[0] < 100:
					blank++
				default:
					t.Error("a picture is neither shown nor blanked")
				}
			}
			if clear != tc.clear || blank != tc.blanked {
				t.Errorf("%d pictures clear and %d blanked, want %d and %d", clear, blank, tc.clear, tc.blanked)
			}
		})
	}
}
