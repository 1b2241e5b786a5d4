package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/ksamenet/ksamenet/gstplugin/harness"
)

// live is what happened to pictures that came by the clock.
type live struct {
	clip
	due, dropped  int
	cpu           float64 // part of one processor
	worst, p95    float64 // ms from a picture's time to its leaving the last push, without the look-ahead
	held, seconds float64
}

func (l live) String() string {
	return fmt.Sprintf("%dp%d live, %d faces, %.0f s: %d of %d pictures, CPU %.0f %%, latency %.0f + %.0f ms (worst %.0f)",
		l.height, fps, l.faces, l.seconds, l.due-l.dropped, l.due, 100*l.cpu, l.held, l.p95, l.worst)
}

// runLive hands over pictures by the clock, as a camera behind `queue leaky=downstream max-size-buffers=1` does: the clip's,
// once, to an element that was just started, and that again.
func runLive(c clip, runs int) (live, error) {
	l := live{clip: c}
	raw, err := c.raw("I420", pictures)
	if err != nil {
		return l, err
	}
	var late []time.Duration
	var cpu time.Duration
	for range runs {
		more, spent, err := l.once(raw)
		if err != nil {
			return l, err
		}
		late, cpu = append(late, more...), cpu+spent
	}
	l.cpu, l.p95 = cpu.Seconds()/l.seconds, p95(late)
	for _, d := range late {
		l.worst = max(l.worst, ms(d))
	}
	return l, nil
}

// once returns how long after its time each picture was through, and the CPU time.
func (l *live) once(raw []byte) (late []time.Duration, cpu time.Duration, err error) {
	r := harness.Open("ksamenet uncertified=true preset=live")
	defer r.Close()
	if err := r.Caps(l.caps("I420")); err != nil {
		return nil, 0, err
	}
	at := 0
	if _, err := r.Measure(raw, &at, warmUp, time.Second/fps); err != nil { // loads what is loaded once
		return nil, 0, err
	}
	const due = pictures - warmUp
	began, before := time.Now(), harness.CPU()
	when := func() time.Time { return began.Add(time.Duration(at-warmUp) * time.Second / fps) }
	for at < pictures {
		time.Sleep(time.Until(when()))
		if newest := warmUp + min(int(time.Since(began)*fps/time.Second), due-1); newest > at {
			l.dropped += newest - at
			at = newest
		}
		came := when()
		if _, err := r.Measure(raw, &at, 1, time.Second/fps); err != nil {
			return nil, 0, err
		}
		late = append(late, time.Since(came))
	}
	l.due += due
	l.seconds += time.Since(began).Seconds()
	l.held = ms(r.Latency())
	return late, harness.CPU() - before, nil
}

const begin, end = "<!-- make bench-element -->\n", "<!-- end of make bench-element -->\n"

// section is the part of the document between the marks.
func section(rows []row, l live) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d CPUs, %s:\n\n", runtime.Version(), runtime.NumCPU(), time.Now().Format("2 January 2006"))
	b.WriteString("| picture | faces | element | ms | CPU ms | latency, ms | of faceblur's ms |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, r := range rows {
		blur := "-"
		if r.blur > 0 {
			blur = fmt.Sprintf("%.2f", r.blur)
		}
		fmt.Fprintf(&b, "| %dx%d | %d | `%s` | %.2f | %.2f | %.0f + %.1f | %s |\n", r.width, r.height, r.faces, r.name, r.wall, r.cpu, r.held, r.p95, blur)
	}
	fmt.Fprintf(&b, "\nLive, %dx%d at %d pictures a second with %d faces, `preset=live`, %.0f s in all: %d of %d pictures came out, %.0f %% were dropped; "+
		"CPU %.0f %% of one processor; latency %.0f ms of look-ahead and %.0f ms of work (95th percentile; worst %.0f ms).\n",
		l.width, l.height, fps, l.faces, l.seconds, l.due-l.dropped, l.due, 100*float64(l.dropped)/float64(l.due), 100*l.cpu, l.held, l.p95, l.worst)
	return b.String()
}

// write puts a new section in the place of the old one.
func write(doc, section string) error {
	text, err := os.ReadFile(doc)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no marks %q and %q", doc, begin, end)
	}
	return os.WriteFile(doc, []byte(before+begin+section+end+after), 0o644)
}
