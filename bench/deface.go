package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// windows are the clips that deface is compared on, and how many of their first frames.
var windows = []struct {
	clip   string
	frames int
}{
	{"1face_720p", 150}, {"1face_1080p", 75}, {"2face_720p", 50}, {"4face_classroom_720p", 50}, {"9face_720p", 100}, {"asl_cuts_720p_audio", 50},
	{"asl_wall_1080p", 40}, {"hard_roll_720p", 50}, {"portraits_pan_1080p", 40}, {"small_walking_720p", 50},
}

const (
	exposedEvery = 5  // of an output's frames one in so many is searched for exposed faces, by both detectors at full scale
	exposedLeast = 24 // px: smaller faces do not count
)

// defaceTable runs deface at the scale that its manual advises, as it comes, and redact, in turn on each clip, with the same
// encoder settings, and searches the outputs for faces that show as they did before.
func defaceTable(s setup) (string, error) {
	if s.clips == "" {
		return "", errors.New("say -clips DIR: 1face_720p.mp4 and the others")
	}
	version, err := command([]int{0}, s.deface, "--version")
	if err != nil {
		return "", fmt.Errorf("%w; install it in a virtual environment, with onnx and onnxruntime, and say -deface PATH", err)
	}
	const coding = `{"codec":"libx264","quality":null,"output_params":["-preset","medium","-crf","18"]}`
	rows := [][]string{{"clip", "frames", "exposed, of those searched: deface 640", "deface", "ours", "CPU ms a frame: deface 640", "deface", "ours", "wall ms a frame: deface 640", "deface", "ours"}}
	for _, w := range windows {
		path := filepath.Join(s.clips, w.clip+".mp4")
		if _, err := os.Stat(path); err != nil {
			return "", err
		}
		clip := filepath.Join(s.dir, w.clip+".mp4")
		// Coded anew: of a stream that is cut as it is, readers see different last frames.
		if _, err := ffmpeg("-i", path, "-map", "0:v:0", "-frames:v", fmt.Sprint(w.frames), "-c:v", "libx264", "-preset", "veryfast", "-crf", "12", clip); err != nil {
			return "", err
		}
		var exposed, cpu, wall []string
		for i, run := range []func(out string) (use, error){
			func(out string) (use, error) {
				return command([]int{0}, s.deface, clip, "-o", out, "--scale", "640x360", "--ffmpeg-config", coding)
			},
			func(out string) (use, error) {
				return command([]int{0}, s.deface, clip, "-o", out, "--ffmpeg-config", coding)
			},
			func(out string) (use, error) {
				u, _, err := s.redact(clip, out)
				return u, err
			},
		} {
			out := filepath.Join(s.dir, fmt.Sprintf("out%d.mp4", i))
			u, err := run(out)
			if err != nil {
				return "", fmt.Errorf("%s: %w", w.clip, err)
			}
			n, err := s.exposed(clip, out)
			if err != nil {
				return "", fmt.Errorf("%s: %w", w.clip, err)
			}
			perFrame := func(d time.Duration) string { return fmt.Sprintf("%.0f", ms(d)/float64(w.frames)) }
			exposed, cpu, wall = append(exposed, fmt.Sprint(n)), append(cpu, perFrame(u.cpu)), append(wall, perFrame(u.wall))
		}
		row := append([]string{w.clip, fmt.Sprint(w.frames)}, exposed...)
		rows = append(rows, append(append(row, cpu...), wall...))
		fmt.Fprintln(os.Stderr, "bench:", rows[len(rows)-1])
	}
	return fmt.Sprintf("%s; deface %s; starting the programs included; one frame in %d searched:\n\n%s", machine(), bytes.TrimSpace(version.out), exposedEvery, table(rows)), nil
}

// exposed counts the frames of out with a face that shows as in the original.
func (s setup) exposed(original, out string) (int, error) {
	u, err := command([]int{0, 3}, s.program, "verify", original, out, "--thorough", "--json", "--least", fmt.Sprint(exposedLeast), "--every", fmt.Sprint(exposedEvery))
	if err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(bytes.NewReader(u.out))
	for lines.Scan() {
		var e struct {
			Event  string
			Frames int `json:"exposed_frames"`
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return 0, err
		}
		if e.Event == "verified" {
			return e.Frames, nil
		}
	}
	return 0, errors.New("verify printed no result")
}
