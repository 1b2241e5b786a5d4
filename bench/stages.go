package main

import (
	"fmt"
	"path/filepath"
)

// crop is a part of the sample's first shot that holds one person; the clips repeat it.
const crop = "crop=600:338:0:130"

var stageNames = []string{"cuts", "detect", "landmarks", "recognise", "tone", "generate", "composite"}

// figures are the measurements of one clip.
type figures struct {
	name           string
	decode, encode float64 // CPU ms a frame
	cpu            float64 // ms a frame, the whole run
	rss            float64 // MiB
	sum            summary
}

// stageTable measures milliseconds a frame for each stage, frames per second of both passes, CPU time and peak memory, on a
// 1280×720 clip with one face and one with four.
//
// Stage times are wall times inside the program. Decoding and encoding run beside the other stages there, so they are
// measured as CPU time of the ffmpeg tool over the same clip with the same encoder settings.
func stageTable(s setup) (string, error) {
	one, err := s.oneFace(1280, 720)
	if err != nil {
		return "", err
	}
	four := filepath.Join(s.dir, "four.mp4")
	tile := "scale=640:360:flags=bicubic,split=4[a][b][c][d];[a][b][c][d]xstack=inputs=4:layout=0_0|w0_0|0_h0|w0_h0"
	if _, err := ffmpeg("-i", one, "-vf", tile, "-c:v", "libx264", "-crf", "18", "-pix_fmt", "yuv420p", four); err != nil {
		return "", err
	}
	var all []figures
	for _, c := range []struct{ name, clip string }{{"1", one}, {"4", four}} {
		f, err := s.stages(c.clip)
		if err != nil {
			return "", err
		}
		f.name = c.name
		all = append(all, f)
	}
	head := []string{"faces"}
	for _, f := range all {
		head = append(head, f.name)
	}
	rows := [][]string{head}
	row := func(name, format string, value func(figures) float64) {
		r := []string{name}
		for _, f := range all {
			r = append(r, fmt.Sprintf(format, value(f)))
		}
		rows = append(rows, r)
	}
	row("decode (ffmpeg), CPU ms a frame", "%.1f", func(f figures) float64 { return f.decode })
	for _, name := range stageNames {
		row(name+", ms a frame", "%.1f", func(f figures) float64 { return f.sum.Stages[name] / f.sum.Frames })
	}
	row("encode (x264 medium, crf 18), CPU ms a frame", "%.1f", func(f figures) float64 { return f.encode })
	row("pass 1, frames a second", "%.1f", func(f figures) float64 { return f.sum.Analyse })
	row("pass 2, frames a second", "%.1f", func(f figures) float64 { return f.sum.Render })
	row("the whole run, CPU ms a frame", "%.0f", func(f figures) float64 { return f.cpu })
	row("peak memory (RSS), MiB", "%.0f", func(f figures) float64 { return f.rss })
	row("patch cache hit rate, %", "%.0f", func(f figures) float64 { return 100 * f.sum.Hits })
	return fmt.Sprintf("%s; 1280x720, %.0f frames a clip:\n\n%s", machine(), all[0].sum.Frames, table(rows)), nil
}

// oneFace makes a clip with one face, of the sample's first shot repeated.
func (s setup) oneFace(w, h int) (string, error) {
	shot, out := filepath.Join(s.dir, "shot.mp4"), filepath.Join(s.dir, fmt.Sprintf("one%d.mp4", h))
	if _, err := ffmpeg("-i", s.sample, "-frames:v", "88", "-an", "-c:v", "libx264", "-qp", "0", shot); err != nil {
		return "", err
	}
	_, err := ffmpeg("-stream_loop", "-1", "-t", fmt.Sprint(s.seconds), "-i", shot, "-vf", fmt.Sprintf("%s,scale=%d:%d:flags=bicubic", crop, w, h),
		"-c:v", "libx264", "-crf", "18", "-pix_fmt", "yuv420p", out)
	return out, err
}

func (s setup) stages(clip string) (f figures, err error) {
	decode, err := ffmpeg("-i", clip, "-f", "null", "-")
	if err != nil {
		return f, err
	}
	both, err := plainTranscode(clip, clip+".plain.mp4", 1280)
	if err != nil {
		return f, err
	}
	u, sum, err := s.redact(clip, clip+".out.mp4")
	if err != nil {
		return f, err
	}
	f.sum, f.rss, f.cpu = sum, u.rss, ms(u.cpu)/sum.Frames
	f.decode, f.encode = ms(decode.cpu)/sum.Frames, ms(both.cpu-decode.cpu)/sum.Frames
	return f, nil
}
