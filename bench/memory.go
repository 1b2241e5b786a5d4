package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// memoryTable samples the memory of redact: its peak in each pass of a 1080p clip, beside the ffmpeg tool's plain
// transcode, and its course over a long small film.
func memoryTable(s setup) (string, error) {
	one, err := s.oneFace(1920, 1080)
	if err != nil {
		return "", err
	}
	plain, err := plainTranscode(one, filepath.Join(s.dir, "plain.mp4"), 1920)
	if err != nil {
		return "", err
	}
	short, err := s.sampled(one)
	if err != nil {
		return "", err
	}
	rows := [][]string{{"1920x1080", "peak RSS, MiB"}, {"ffmpeg tool, plain transcode", fmt.Sprintf("%.0f", plain.rss)}}
	most := 0.0
	for _, p := range short.order {
		v := short.peak(p, 0, 1)
		most = max(most, v)
		rows = append(rows, []string{"redact: " + p, fmt.Sprintf("%.0f", v)})
	}
	rows = append(rows, []string{fmt.Sprintf("the whole run, in MB of 10⁶ bytes: %.0f", most*(1<<20)/1e6), fmt.Sprintf("%.0f", most)})
	text := machine() + ":\n\n" + table(rows)

	long := filepath.Join(s.dir, "long.mp4")
	if _, err := ffmpeg("-stream_loop", "-1", "-t", fmt.Sprint(60*s.minutes), "-i", s.sample, "-an", "-vf", "scale=320:180", "-r", "5", "-c:v", "libx264", "-preset", "veryfast", "-crf", "20", long); err != nil {
		return "", err
	}
	film, err := s.sampled(long)
	if err != nil {
		return "", err
	}
	const parts = 10
	head := []string{fmt.Sprintf("%d minutes, 320x180, 5 fps: peak RSS, MiB, in each tenth", s.minutes)}
	for i := range parts {
		head = append(head, fmt.Sprint(i+1))
	}
	rows = [][]string{head}
	for _, p := range film.order {
		r := []string{p}
		for i := range parts {
			r = append(r, fmt.Sprintf("%.0f", film.peak(p, float64(i)/parts, float64(i+1)/parts)))
		}
		rows = append(rows, r)
	}
	return text + "\n" + table(rows), nil
}

// course is the memory of a run over its time, by pass.
type course struct {
	order  []string
	passes map[string][]float64 // MiB, evenly in time
}

// peak is the largest sample between two shares of a pass.
func (c course) peak(pass string, from, to float64) (most float64) {
	v := c.passes[pass]
	n := float64(len(v))
	for i := int(from * n); i < int(to*n+.999) && i < len(v); i++ {
		most = max(most, v[i])
	}
	return most
}

// sampled runs redact and samples its memory ten times a second.
func (s setup) sampled(clip string) (course, error) {
	c := course{passes: map[string][]float64{}}
	registry, err := s.registry()
	if err != nil {
		return c, err
	}
	run := exec.Command(s.program, append([]string{"redact", clip, "-o", clip + ".out.mp4", "--overwrite", "--uncertified", "--json"}, registry...)...)
	var errs bytes.Buffer
	run.Stderr = &errs
	out, err := run.StdoutPipe()
	if err != nil {
		return c, err
	}
	if err := run.Start(); err != nil {
		return c, err
	}
	var mu sync.Mutex
	pass := "start"
	var reading sync.WaitGroup
	reading.Go(func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var e struct{ Pass string }
			if json.Unmarshal(lines.Bytes(), &e) == nil && e.Pass != "" {
				mu.Lock()
				pass = e.Pass
				mu.Unlock()
			}
		}
		_, _ = io.Copy(io.Discard, out) // a line too long for the scanner must not stop the run
	})
	stop := make(chan struct{})
	var sampling sync.WaitGroup
	sampling.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
			}
			if m, ok := resident(run.Process.Pid); ok {
				mu.Lock()
				if _, known := c.passes[pass]; !known {
					c.order = append(c.order, pass)
				}
				c.passes[pass] = append(c.passes[pass], m)
				mu.Unlock()
			}
		}
	})
	reading.Wait()
	close(stop)
	sampling.Wait()
	if err := run.Wait(); err != nil {
		return c, fmt.Errorf("redact: %w: %s", err, errs.String())
	}
	return c, nil
}

// resident is a process' memory in MiB, false when it has ended.
func resident(pid int) (float64, bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, false
	}
	_, rest, ok := strings.Cut(string(b), "VmRSS:")
	fields := strings.Fields(rest)
	if !ok || len(fields) == 0 {
		return 0, false
	}
	kb, err := strconv.ParseFloat(fields[0], 64)
	return kb / 1024, err == nil
}
