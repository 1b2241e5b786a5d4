package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

// cells is a source of libavfilter, to be scaled: patches that come and go everywhere, as the noise of a camera does.
const cells = "life=size=320x180:rate=25:ratio=.12:mold=20:seed=7:death_color=#304838:life_color=#90a890,scale="

// plainRuns is how often each command runs, in turn; the median counts.
const plainRuns = 3

// plainTable compares with the ffmpeg tool's plain transcode, on clips without faces: CPU time of render alone, which
// decodes, finds nothing to do and encodes, and wall time of redact, which looks at everything twice.
func plainTable(s setup) (string, error) {
	rows := [][]string{{"clip", "ffmpeg, CPU s", "render, CPU s", "ratio", "ffmpeg, wall s", "redact, wall s", "ratio", "redact, CPU s"}}
	for _, c := range []struct {
		name, source string
		width        int
	}{
		{"1280x720, moving graphics", "testsrc2=size=1280x720:rate=25,noise=alls=5:allf=t", 1280},
		{"1280x720, moving cells", cells + "1280:720:flags=bicubic,noise=alls=5:allf=t", 1280},
		{"1920x1080, moving cells", cells + "1920:1080:flags=bicubic,noise=alls=5:allf=t", 1920},
	} {
		clip := filepath.Join(s.dir, "plain.mp4")
		if _, err := ffmpeg("-f", "lavfi", "-i", c.source, "-t", fmt.Sprint(s.seconds), "-c:v", "libx264", "-preset", "veryfast", "-crf", "12", "-pix_fmt", "yuv420p", clip); err != nil {
			return "", err
		}
		cast, out := filepath.Join(s.dir, "cast.json"), filepath.Join(s.dir, "plain.out.mp4")
		registry, err := s.registry()
		if err != nil {
			return "", err
		}
		if _, err := command([]int{0}, s.program, append([]string{"analyze", clip, "-o", cast, "--overwrite", "--uncertified"}, registry...)...); err != nil {
			return "", err
		}
		var tool, ours, whole []use
		for range plainRuns {
			u, err := plainTranscode(clip, out, c.width)
			if err != nil {
				return "", err
			}
			tool = append(tool, u)
			args := append([]string{"render", clip, "--decisions", cast, "-o", out, "--overwrite", "--uncertified", "--no-verify"}, registry...)
			if u, err = command([]int{0}, s.program, args...); err != nil {
				return "", err
			}
			ours = append(ours, u)
			u, sum, err := s.redact(clip, out)
			if err != nil {
				return "", err
			}
			if sum.Faces > 0 {
				return "", fmt.Errorf("%s: %.0f faces were found where there are none", c.name, sum.Faces)
			}
			whole = append(whole, u)
		}
		a, b, d, e := median(tool, cpuOf), median(ours, cpuOf), median(tool, wallOf), median(whole, wallOf)
		rows = append(rows, []string{c.name, seconds(a), seconds(b), ratio(b, a), seconds(d), seconds(e), ratio(e, d), seconds(median(whole, cpuOf))})
	}
	return fmt.Sprintf("%s; %d s at 25 fps, medians of %d runs in turn:\n\n%s", machine(), s.seconds, plainRuns, table(rows)), nil
}

func cpuOf(u use) time.Duration  { return u.cpu }
func wallOf(u use) time.Duration { return u.wall }

func median(us []use, of func(use) time.Duration) time.Duration {
	var d []time.Duration
	for _, u := range us {
		d = append(d, of(u))
	}
	slices.Sort(d)
	return d[len(d)/2]
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()) }

func ratio(a, b time.Duration) string { return fmt.Sprintf("%.2f", a.Seconds()/b.Seconds()) }
