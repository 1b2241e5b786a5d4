package av

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/internal/testvideo"
)

func compare(t *testing.T, a, b string, opts CompareOptions) *Comparison {
	t.Helper()
	c, err := Compare(t.Context(), a, b, opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *Comparison) whats() (grave []string) {
	for _, f := range c.Findings {
		if !f.Expected {
			grave = append(grave, f.What)
		}
	}
	return grave
}

// A file is equal to itself, and a transcode of it differs in its pictures' coding alone.
func TestCompareClean(t *testing.T) {
	for _, name := range []string{"h264.mp4", "prores.mov", "ass.mkv", "interlaced.mp4", "vfr.mp4", "stream.ts", "hdr.mkv", "cover.mp4", "raw.h264", "mpeg4.avi"} {
		t.Run(name, func(t *testing.T) {
			in := testvideo.Make(t, name)
			c := compare(t, in, in, CompareOptions{})
			if len(c.Findings) > 0 || !c.Video.Outside.Exact() || c.Video.Frames[0] != int64(testvideo.Clips[name].Frames) {
				t.Errorf("against itself: %+v", c)
			}
			d, _ := decode(t, in)
			out, _ := transcode(t, in, filepath.Ext(name), TranscodeOptions{ConstantRate: d.ConstantRate}, noEdit)
			if c = compare(t, in, out, CompareOptions{}); !c.Clean() || !c.Video.Pixels {
				t.Errorf("after a transcode: %+v", c.Findings)
			}
			if p := c.Video.Outside.PSNR(); p < 35 {
				t.Errorf("PSNR %.1f dB", p)
			}
		})
	}
}

// Each kind of loss is named.
func TestCompareNames(t *testing.T) {
	in := testvideo.Make(t, "h264.mp4")
	for _, c := range []struct {
		name, args string
		want       []string
	}{
		{"audio coded anew", "-map 0 -c copy -c:a:0 mp2", []string{"left out", "added stream"}},
		{"stream left out", "-map 0:0 -map 0:1 -map 0:3 -c copy", []string{"left out"}},
		{"tags lost", "-map 0 -c copy -metadata title= -metadata:s:a:0 language=deu", []string{"tag title", "tag language"}},
		{"chapters lost", "-map 0 -map_chapters -1 -c copy", []string{"chapters"}},
		{"every second picture", "-map 0 -c copy -c:v libx264 -preset ultrafast -r 12.5", []string{"pictures", "frame rate"}},
		{"scaled", "-map 0 -c copy -c:v libx264 -preset ultrafast -vf scale=160:120", []string{"size", "pixels"}},
		{"sound moved", "-i {} -map 0:v -map 1:a -map 0:s -c copy -map_metadata 0", []string{"packets"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out.mp4")
			args := []string{"-i", in}
			if strings.HasPrefix(c.args, "-i {}") {
				args = append(args, "-itsoffset", "0.5", "-i", in)
				c.args = c.args[5:]
			}
			testvideo.FFmpeg(t, "", append(append(args, strings.Fields(c.args)...), out)...)
			got := compare(t, in, out, CompareOptions{}).whats()
			for _, w := range c.want {
				if !slices.Contains(got, w) {
					t.Errorf("found %q, want %q among it", got, w)
				}
			}
		})
	}
}

// The samples inside the masks and those outside are told apart, exactly.
func TestCompareMasks(t *testing.T) {
	box := frame.Rect{X0: 100, Y0: 60, X1: 180, Y1: 140}
	for _, name := range []string{"prores.mov", "odd.mkv", "rgb.mkv"} {
		in := testvideo.Make(t, name)
		out, _ := transcode(t, in, ".mkv", TranscodeOptions{Codec: "ffv1", DropUnmuxable: true}, func(p *frame.Picture) error {
			each(p, func(x, y, comp int, at []byte, v int) {
				if inside(box, p, comp, x, y) {
					put(at, p.Layout.Components[comp], v^1)
				}
			})
			return nil
		})
		with := compare(t, in, out, CompareOptions{Masks: func(*frame.Picture) ([]frame.Rect, error) { return []frame.Rect{box, box}, nil }}).Video
		if !with.Outside.Exact() || with.Inside.Changed != with.Inside.Samples || with.Inside.Samples == 0 || with.Inside.Largest != 1 {
			t.Errorf("%s: outside %+v, inside %+v", name, with.Outside, with.Inside)
		}
		without := compare(t, in, out, CompareOptions{}).Video
		if without.Outside.Changed != with.Inside.Changed || without.Inside.Samples != 0 || math.IsInf(without.Outside.PSNR(), 1) {
			t.Errorf("%s without masks: outside %+v, inside %+v", name, without.Outside, without.Inside)
		}
	}
}
