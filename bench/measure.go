package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// use is what a command took. Its children count where it waited for them.
type use struct {
	cpu, wall time.Duration
	rss       float64 // peak, MiB
	out       []byte
	code      int
}

// command runs a program; any exit code but those of ok is an error.
func command(ok []int, name string, args ...string) (u use, err error) {
	var out, errs bytes.Buffer
	c := exec.Command(name, args...)
	c.Stdout, c.Stderr = &out, &errs
	start := time.Now()
	err = c.Run()
	u.wall, u.out = time.Since(start), out.Bytes()
	if c.ProcessState == nil {
		return u, fmt.Errorf("%s: %w", name, err)
	}
	u.cpu = c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	u.rss = float64(c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) / 1024
	u.code = c.ProcessState.ExitCode()
	for _, code := range ok {
		if u.code == code {
			return u, nil
		}
	}
	return u, fmt.Errorf("%s: %w: %s", filepath.Base(name), err, errs.String())
}

// ffmpeg runs the tool.
func ffmpeg(args ...string) (use, error) {
	return command([]int{0}, "ffmpeg", append([]string{"-nostdin", "-v", "error", "-y"}, args...)...)
}

// x264 are the settings that the program uses by default for pictures of this width, for the ffmpeg tool.
func x264(width int) []string {
	set := []string{"-c:v", "libx264", "-preset", "medium", "-crf", "18", "-threads", strconv.Itoa(runtime.NumCPU()), "-x264-params", "cpu-independent=1:sync-lookahead=0"}
	if width > 1280 {
		set = append(set, "-rc-lookahead", "30")
	}
	return set
}

// plainTranscode is the ffmpeg tool's transcode of a file with the program's settings.
func plainTranscode(in, out string, width int) (use, error) {
	args := append([]string{"-i", in, "-map", "0", "-c", "copy"}, x264(width)...)
	return ffmpeg(append(args, out)...)
}

// summary is the last line of redact --json.
type summary struct {
	Event   string
	Frames  float64
	Faces   float64
	Analyse float64            `json:"fps_analyse"`
	Render  float64            `json:"fps_render"`
	Stages  map[string]float64 `json:"stage_ms"`
	Hits    float64            `json:"cache_hit_rate"`
}

// registry makes an empty registry in the bench's folder, and returns the flags that name it.
func (s setup) registry() ([]string, error) {
	flags := []string{"--registry", filepath.Join(s.dir, "people.db"), "--key-file", filepath.Join(s.dir, "people.key")}
	if _, err := os.Stat(flags[1]); err == nil {
		return flags, nil
	}
	_, err := command([]int{0}, s.program, append([]string{"registry", "init"}, flags...)...)
	return flags, err
}

// redact runs the whole program over a clip.
func (s setup) redact(in, out string, more ...string) (u use, sum summary, err error) {
	registry, err := s.registry()
	if err != nil {
		return u, sum, err
	}
	args := append([]string{"redact", in, "-o", out, "--overwrite", "--uncertified", "--json"}, registry...)
	if u, err = command([]int{0}, s.program, append(args, more...)...); err != nil {
		return u, sum, err
	}
	lines := bufio.NewScanner(bytes.NewReader(u.out))
	for lines.Scan() {
		if err := json.Unmarshal(lines.Bytes(), &sum); err != nil {
			return u, sum, err
		}
	}
	if sum.Event != "summary" || sum.Frames == 0 {
		return u, sum, errors.New("redact printed no summary")
	}
	return u, sum, nil
}

func ms(d time.Duration) float64 { return d.Seconds() * 1000 }

// machine says what the figures were measured on.
func machine() string {
	model := "unknown processor"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%d × %s, %s, %s", runtime.NumCPU(), model, runtime.Version(), time.Now().Format("2 January 2006"))
}
