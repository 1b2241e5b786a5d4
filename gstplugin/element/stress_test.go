//go:build stress

package element

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-gst/go-gst/gst"

	"github.com/ksamenet/ksamenet/gstplugin/harness"
)

// alone runs a test in a process of its own, under the leaks tracer; in that process it returns true.
func alone(t *testing.T) bool {
	t.Helper()
	const mark = "KSAMENET_STRESS_ALONE"
	if os.Getenv(mark) == t.Name() {
		return true
	}
	c := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v", "-test.timeout", "30m")
	c.Env = append(os.Environ(), mark+"="+t.Name(), "GST_TRACERS=leaks", "G_DEBUG=fatal-warnings",
		"MALLOC_ARENA_MAX=1") // glibc's heaps, one for some threads each, keep 50 to 150 MiB of holes by chance
	out, err := c.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("in a process of its own: %v", err)
	}
	return false
}

// alive counts the GStreamer objects of each type.
func alive(t *testing.T) map[string]int {
	t.Helper()
	types, ok := harness.Alive()
	if !ok {
		t.Fatal("no leaks tracer")
	}
	n := map[string]int{}
	for _, name := range strings.Fields(types) {
		n[name]++
	}
	return n
}

// sameAlive wants no more objects of any type than before. GStreamer's threads let go of their tasks a moment after the pipeline
// has stopped.
func sameAlive(t *testing.T, before map[string]int) {
	t.Helper()
	var more []string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		more = nil
		for name, n := range alive(t) {
			if n > before[name] {
				more = append(more, fmt.Sprintf("%d more objects %s", n-before[name], name))
			}
		}
		if more == nil {
			return
		}
	}
	t.Errorf("alive: %v", more)
}

// resident is the process's memory in MiB.
func resident(t *testing.T) float64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var size, pages float64
	if _, err := fmt.Sscan(string(b), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * float64(os.Getpagesize()) / (1 << 20)
}

// flat runs f in `parts` parts and wants the process not to grow by more than limit MiB after the first ones: caches and pools
// fill in the first quarter. The race detector's own memory grows with what it has seen: under it the figures are only told.
func flat(t *testing.T, parts int, limit float64, f func()) {
	t.Helper()
	var rss []float64
	for range parts {
		f()
		harness.Settle()
		rss = append(rss, resident(t))
	}
	settled := rss[parts/4:]
	t.Logf("resident after each part, MiB: %.1f", rss)
	if grown := slices.Max(settled[len(settled)/2:]) - slices.Max(settled[:len(settled)/2]); grown > limit && !raceDetector {
		t.Errorf("memory grew by %.1f MiB over the last runs, want %.1f at most", grown, limit)
	}
}

// 1,000 times NULL, PLAYING, end of stream, NULL; and 1,000 pipelines made and thrown away.
func TestStressStarts(t *testing.T) {
	if !alone(t) {
		return
	}
	need(t, "videotestsrc", "fakesink")
	f := hides()
	line := source("I420", 64, 48, 3, "smpte") + " ! " + f.stage(t) + " ! fakesink"
	play := func(cycles int) {
		if err := harness.Play(line, cycles, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	play(10)
	before := alive(t)
	flat(t, 20, 2, func() { play(50) })
	flat(t, 20, 2, func() {
		for range 50 {
			play(1)
		}
	})
	sameAlive(t, before)
	if opened, closed, _, painted := f.counts(); opened != 2010 || closed != 2010 || painted != 3*2010 {
		t.Errorf("opened %d, closed %d, %d pictures", opened, closed, painted)
	}
}

// 10,000 pictures in one stream, with what the element sends about them.
func TestStressPictures(t *testing.T) {
	if !alone(t) {
		return
	}
	f := hides()
	r := f.rig(t, 12, caps("I420", 160, 120))
	clear := noise(r.Size(), 3)
	n := 0
	push := func() {
		for range 500 {
			if err := r.Push(clear, 0, time.Duration(n)*step, false); err != nil {
				t.Fatal(err)
			}
			n++
			if _, _, err := r.Pull(); err != nil {
				t.Fatal(err)
			}
			r.Discard()
		}
	}
	push()
	before := alive(t)
	flat(t, 20, 2, push)
	sameAlive(t, before)
	if _, _, _, painted := f.counts(); painted != n-12 {
		t.Errorf("%d pictures painted, want %d", painted, n-12)
	}
}

// Seeks, format changes and ends at once in several pipelines.
func TestStressSeeks(t *testing.T) {
	need(t, "videotestsrc", "fakesink")
	for i := range 4 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			f := hides()
			p := parse(t, source("I420", 64, 48, 100000, "smpte")+" ! "+f.stage(t)+fmt.Sprintf(" lookahead=%d", 4*i)+" ! fakesink sync=false")
			if err := p.SetState(gst.StatePlaying); err != nil {
				t.Fatal(err)
			}
			for n := range 150 {
				p.GetState(gst.StatePlaying, gst.ClockTime(20*time.Second))
				if !p.SeekTime(time.Duration(n*37%1000)*time.Second, gst.SeekFlagFlush) {
					t.Fatalf("seek %d was refused", n)
				}
			}
			if m := p.GetPipelineBus().PopFiltered(gst.MessageError); m != nil {
				t.Fatal(m.ParseError().Error())
			}
		})
	}
}

// The real networks: loaded, fed with faces and closed, again and again in one process.
func TestStressFaces(t *testing.T) {
	if !alone(t) {
		return
	}
	line := strings.Replace(sampleLine(t, 12), "videoconvert", "videoconvert ! videoscale ! video/x-raw,width=320,height=180", 1) +
		" ! ksamenet qos=false uncertified=true detect-side=320 ! fakesink"
	play := func(times int) {
		for range times { // a line anew each time: decodebin's delayed link holds once
			if err := harness.Play(line, 1, 10*time.Minute); err != nil {
				t.Fatal(err)
			}
		}
	}
	play(2)
	before := alive(t)
	flat(t, 8, 16, func() { play(3) })
	sameAlive(t, before)
}
