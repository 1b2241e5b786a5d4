// Command element measures the GStreamer element beside identity, videobalance and Debian's faceblur: `make bench-element`, on
// a quiet machine. It rewrites its table in docs/performance.md.
//
// Clips of 0, 1, 2 and 4 synthetic people (the sample's, faces 250 px high at 1280×720) lie in memory as raw video. Every
// element gets them through a GstHarness, in its own format, and they take turns, so that whatever else the machine does
// meets all of them. No element sees a picture twice, and no two faces of a clip move alike: else the cache of surrogates would
// flatter ksamenet. A second measurement runs as a live pipeline does: pictures come by the clock, and one that comes while
// the element is busy is replaced by the next.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-gst/go-gst/gst"

	"github.com/ksamenet/ksamenet/gstplugin/harness"
	"github.com/ksamenet/ksamenet/gstplugin/static"
)

// cascade is where Debian's opencv-data puts the face model; faceblur's own default names no file.
const cascade = "/usr/share/opencv4/haarcascades/haarcascade_frontalface_default.xml"

const (
	pictures = 88 // of a clip: the sample's first shot
	warmUp   = 15 // pictures before the first measurement, more than the look-ahead of preset=live
	fps      = 30
)

// contestant is an element with its settings.
type contestant struct {
	name, line, format string
	warm, turn         int // pictures before all turns, and in each
}

var contestants = []contestant{
	{"identity", "identity", "I420", warmUp, 18},
	{"videobalance", "videobalance saturation=0.5", "I420", warmUp, 18},
	{"faceblur", "faceblur profile=" + cascade, "RGB", 2, 6},
	{"ksamenet preset=live", "ksamenet qos=false uncertified=true preset=live", "I420", warmUp, 18},
	{"ksamenet preset=file", "ksamenet qos=false uncertified=true preset=file", "I420", 28, 15},
}

func main() {
	sample := flag.String("sample", "examples/sample/sample.mp4", "the sample clip")
	doc := flag.String("doc", "docs/performance.md", "the document whose table is rewritten; empty: none")
	rounds := flag.Int("rounds", 4, "turns of each element on each clip; 0: the live measurement alone, and no table is written")
	lives := flag.Int("live", 5, "runs of the live measurement")
	flag.Parse()
	if err := run(*sample, *doc, *rounds, *lives); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(sample, doc string, rounds, lives int) (err error) {
	if err := static.Register(); err != nil {
		return err
	}
	missing := ""
	if _, err := os.Stat(cascade); err != nil || gst.Find("faceblur") == nil {
		missing = "faceblur"
		fmt.Fprintln(os.Stderr, "bench: no faceblur: apt-get install gstreamer1.0-opencv opencv-data")
	}
	dir, err := os.MkdirTemp("", "ksamenet-bench")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var rows []row
	for _, height := range []int{720, 1080} {
		for _, faces := range []int{0, 1, 4} {
			if rounds == 0 {
				continue
			}
			c, err := newClip(dir, sample, height, faces)
			if err != nil {
				return err
			}
			more, err := compete(c, rounds, missing)
			if err != nil {
				return err
			}
			for _, r := range more {
				fmt.Println(r)
			}
			rows = append(rows, more...)
		}
	}
	two, err := newClip(dir, sample, 720, 2)
	if err != nil {
		return err
	}
	l, err := runLive(two, lives)
	if err != nil {
		return err
	}
	fmt.Println(l)
	if doc == "" || rounds == 0 {
		return nil
	}
	return write(doc, section(rows, l))
}

// clip is raw video in memory, made when a format is asked for.
type clip struct {
	file                 string
	width, height, faces int
}

// newClip makes a video of four tiles: a person in the first `faces` of them, the desk in the others.
func newClip(dir, sample string, height, faces int) (clip, error) {
	c := clip{file: filepath.Join(dir, fmt.Sprintf("%d-%d.mkv", height, faces)), width: height * 16 / 9, height: height, faces: faces}
	var tiles, names string
	for i := range 4 {
		part := "crop=600:338:0:130" + []string{"", ",hflip", ",reverse", ",hflip,reverse"}[i] // one person
		if i >= faces {
			part = "crop=352:198:464:500" // desk and cloth
		}
		tiles += fmt.Sprintf("[in%d]%s,scale=%d:%d:flags=bicubic[t%d];", i, part, c.width/2, c.height/2, i)
		names += fmt.Sprintf("[t%d]", i)
	}
	filter := "split=4[in0][in1][in2][in3];" + tiles + names + "xstack=inputs=4:layout=0_0|w0_0|0_h0|w0_h0,format=yuv420p"
	_, err := ffmpeg("-i", sample, "-frames:v", fmt.Sprint(pictures), "-filter_complex", filter, "-an", "-c:v", "ffv1", c.file)
	return c, err
}

// raw is the first n pictures.
func (c clip) raw(format string, n int) ([]byte, error) {
	pixels := map[string]string{"I420": "yuv420p", "RGB": "rgb24"}[format]
	return ffmpeg("-i", c.file, "-frames:v", fmt.Sprint(n), "-f", "rawvideo", "-pix_fmt", pixels, "-")
}

func (c clip) caps(format string) string {
	return fmt.Sprintf("video/x-raw,format=%s,width=%d,height=%d,framerate=%d/1", format, c.width, c.height, fps)
}

func ffmpeg(args ...string) ([]byte, error) {
	c := exec.Command("ffmpeg", append([]string{"-nostdin", "-v", "error", "-y"}, args...)...)
	var errs strings.Builder
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("ffmpeg: %w: %s", err, errs.String())
	}
	return out, nil
}

// row is one line of the table: medians of the turns, milliseconds.
type row struct {
	clip
	name                 string
	wall, cpu, p95, held float64
	blur                 float64 // wall, as a part of faceblur's; 0: not known
}

func (r row) String() string {
	return fmt.Sprintf("%dp, %d faces, %s: %.2f ms, CPU %.2f ms a picture; latency %.0f + %.1f ms", r.height, r.faces, r.name, r.wall, r.cpu, r.held, r.p95)
}

// compete lets the elements take turns on a clip.
func compete(c clip, rounds int, missing string) ([]row, error) {
	frames := map[string][]byte{}
	type player struct {
		contestant
		rig       *harness.Rig
		at        int
		wall, cpu []float64
		each      []time.Duration
	}
	var players []*player
	defer func() {
		for _, p := range players {
			p.rig.Close()
		}
	}()
	for _, who := range contestants {
		if who.name == missing {
			continue
		}
		if frames[who.format] == nil {
			raw, err := c.raw(who.format, min(pictures, warmUp+rounds*18))
			if err != nil {
				return nil, err
			}
			frames[who.format] = raw
		}
		p := &player{contestant: who, rig: harness.Open(who.line)}
		players = append(players, p)
		if err := p.rig.Caps(c.caps(who.format)); err != nil {
			return nil, err
		}
		if _, err := p.rig.Measure(frames[who.format], &p.at, who.warm, time.Second/fps); err != nil {
			return nil, fmt.Errorf("%s: %w", who.name, err)
		}
	}
	for range rounds {
		for _, p := range players {
			cost, err := p.rig.Measure(frames[p.format], &p.at, p.turn, time.Second/fps)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			p.wall = append(p.wall, ms(cost.Wall)/float64(p.turn))
			p.cpu = append(p.cpu, ms(cost.CPU)/float64(p.turn))
			p.each = append(p.each, cost.Each...)
		}
	}
	var rows []row
	blur := 0.
	for _, p := range players {
		r := row{clip: c, name: p.name, wall: median(p.wall), cpu: median(p.cpu), p95: p95(p.each), held: ms(p.rig.Latency())}
		if p.name == "faceblur" {
			blur = r.wall
		}
		rows = append(rows, r)
	}
	for i := range rows {
		if blur > 0 {
			rows[i].blur = rows[i].wall / blur
		}
	}
	return rows, nil
}

func ms(d time.Duration) float64 { return d.Seconds() * 1000 }

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

func p95(v []time.Duration) float64 {
	v = slices.Sorted(slices.Values(v))
	return ms(v[(len(v)-1)*95/100])
}
