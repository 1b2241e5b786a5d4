// Command bench measures the main job: milliseconds a frame for each stage, frames per second of both passes, CPU time and
// peak memory, on a 1280×720 clip with one face and one with four. Run it by `make bench` on a quiet machine.
//
// Stage times are wall times inside the program. Decoding and encoding run beside the other stages there, so they are
// measured as CPU time of the ffmpeg tool over the same clip with the same encoder settings, in the same run.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"text/tabwriter"
	"time"
)

// crop is a part of the sample's first shot that holds one person; the clips repeat it.
const crop = "crop=600:338:0:130"

var stages = []string{"cuts", "detect", "landmarks", "recognise", "tone", "generate", "composite"}

func main() {
	program := flag.String("program", "bin/ksamenet", "the program to measure")
	sample := flag.String("sample", "examples/sample/sample.mp4", "the sample clip")
	seconds := flag.Int("seconds", 12, "length of the clips")
	flag.Parse()
	if err := run(*program, *sample, *seconds); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// figures are the measurements of one clip.
type figures struct {
	faces          int
	frames         float64
	stageMS        map[string]float64
	decode, encode float64 // CPU ms a frame
	fps            [2]float64
	cpu            float64 // ms a frame, the whole run
	rss            float64 // MiB
	hits           float64
}

func run(program, sample string, seconds int) (err error) {
	dir, err := os.MkdirTemp("", "ksamenet-bench")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	one := filepath.Join(dir, "one.mp4")
	four := filepath.Join(dir, "four.mp4")
	length := fmt.Sprint(seconds)
	x264 := []string{"-c:v", "libx264", "-crf", "18", "-pix_fmt", "yuv420p"}
	if _, err := ffmpeg(append([]string{"-stream_loop", "-1", "-t", length, "-i", shot(dir, sample), "-vf", crop + ",scale=1280:720:flags=bicubic"}, append(x264, one)...)...); err != nil {
		return err
	}
	tile := "scale=640:360:flags=bicubic,split=4[a][b][c][d];[a][b][c][d]xstack=inputs=4:layout=0_0|w0_0|0_h0|w0_h0"
	if _, err := ffmpeg(append([]string{"-i", one, "-vf", tile}, append(x264, four)...)...); err != nil {
		return err
	}
	var all []figures
	for _, c := range []struct {
		faces int
		clip  string
	}{{1, one}, {4, four}} {
		f, err := measure(program, dir, c.clip, c.faces)
		if err != nil {
			return err
		}
		all = append(all, f)
	}
	return table(all)
}

// shot cuts the first shot out of the sample.
func shot(dir, sample string) string {
	out := filepath.Join(dir, "shot.mp4")
	if _, err := ffmpeg("-i", sample, "-frames:v", "88", "-an", "-c:v", "libx264", "-qp", "0", out); err != nil {
		return sample
	}
	return out
}

// ffmpeg runs the tool and returns its CPU time.
func ffmpeg(args ...string) (time.Duration, error) {
	var errs bytes.Buffer
	c := exec.Command("ffmpeg", append([]string{"-nostdin", "-v", "error", "-y"}, args...)...)
	c.Stderr = &errs
	if err := c.Run(); err != nil {
		return 0, fmt.Errorf("ffmpeg: %w: %s", err, errs.String())
	}
	return c.ProcessState.UserTime() + c.ProcessState.SystemTime(), nil
}

func measure(program, dir, clip string, faces int) (f figures, err error) {
	f.faces = faces
	decode, err := ffmpeg("-i", clip, "-f", "null", "-")
	if err != nil {
		return f, err
	}
	both, err := ffmpeg("-i", clip, "-c:v", "libx264", "-crf", "18", "-f", "null", "-")
	if err != nil {
		return f, err
	}
	registry := []string{"--registry", filepath.Join(dir, "people.db"), "--key-file", filepath.Join(dir, "people.key")}
	if faces == 1 {
		if out, err := exec.Command(program, append([]string{"registry", "init"}, registry...)...).CombinedOutput(); err != nil {
			return f, fmt.Errorf("registry init: %w: %s", err, out)
		}
	}
	var out, errs bytes.Buffer
	c := exec.Command(program, append([]string{"redact", clip, "-o", clip + ".out.mp4", "--uncertified", "--json"}, registry...)...)
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		return f, fmt.Errorf("redact: %w: %s", err, errs.String())
	}
	var sum struct {
		Event   string
		Frames  float64
		Analyse float64            `json:"fps_analyse"`
		Render  float64            `json:"fps_render"`
		Stages  map[string]float64 `json:"stage_ms"`
		Hits    float64            `json:"cache_hit_rate"`
	}
	lines := bufio.NewScanner(&out)
	for lines.Scan() {
		if err := json.Unmarshal(lines.Bytes(), &sum); err != nil {
			return f, err
		}
	}
	if sum.Event != "summary" || sum.Frames == 0 {
		return f, fmt.Errorf("redact printed no summary: %s", errs.String())
	}
	use := c.ProcessState.SysUsage().(*syscall.Rusage)
	f.frames, f.stageMS, f.fps, f.hits = sum.Frames, sum.Stages, [2]float64{sum.Analyse, sum.Render}, sum.Hits
	f.decode, f.encode = ms(decode)/sum.Frames, ms(both-decode)/sum.Frames
	f.cpu = ms(c.ProcessState.UserTime()+c.ProcessState.SystemTime()) / sum.Frames
	f.rss = float64(use.Maxrss) / 1024
	return f, nil
}

func ms(d time.Duration) float64 { return d.Seconds() * 1000 }

func table(all []figures) error {
	fmt.Printf("%s, %d CPUs, 1280x720, %.0f frames a clip\n\n", runtime.Version(), runtime.NumCPU(), all[0].frames)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name string, format string, value func(figures) float64) {
		fmt.Fprintf(w, "%s\t", name)
		for _, f := range all {
			fmt.Fprintf(w, format+"\t", value(f))
		}
		fmt.Fprintln(w)
	}
	row("faces", "%.0f", func(f figures) float64 { return float64(f.faces) })
	row("decode, CPU ms/frame", "%.1f", func(f figures) float64 { return f.decode })
	for _, s := range stages {
		row(s+", ms/frame", "%.2f", func(f figures) float64 { return f.stageMS[s] / f.frames })
	}
	row("encode (x264 medium), CPU ms/frame", "%.1f", func(f figures) float64 { return f.encode })
	row("pass 1, fps", "%.1f", func(f figures) float64 { return f.fps[0] })
	row("pass 2, fps", "%.1f", func(f figures) float64 { return f.fps[1] })
	row("whole run, CPU ms/frame", "%.0f", func(f figures) float64 { return f.cpu })
	row("peak RSS, MiB", "%.0f", func(f figures) float64 { return f.rss })
	row("patch cache hit rate, %", "%.0f", func(f figures) float64 { return 100 * f.hits })
	return w.Flush()
}
