package av

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/internal/testvideo"
)

// TestNothingIsLostUnsaid: what an output cannot say of its film stops the run before it starts; text is empty where all is said.
func TestNothingIsLostUnsaid(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ in, out, codec, text string }{
		{"rotated.mp4", "a.mkv", "", "display matrix"},
		{"rotated.mp4", "a.mov", "", ""},
		{"prores.mov", "b.ts", "libx264", "timecode 01:00:00:00"},
		{"dnxhr.mov", "b.mxf", "", ""},
		{"interlaced.mp4", "c.mkv", "libvpx-vp9", "fields"},
		{"interlaced.mp4", "c.mkv", "libx265", "fields"},
		{"interlaced.mp4", "c.mkv", "ffv1", ""},
		{"mjpeg.mov", "d.avi", "ffv1", "color range pc"},
		{"mjpeg.mov", "d.mov", "prores_ks", "color range pc"},
		{"mjpeg.mov", "d.mkv", "libx264", ""},
		{"hdr.mkv", "e.avi", "ffv1", "HDR10 metadata"},
		{"hdr.mkv", "e.mkv", "ffv1", ""},
		{"h264.mp4", "f.ts", "libx265", "2 chapters"},
		{"h264.mp4", "f.mov", "mpeg2video", ""},
		{"odd.mkv", "g.webm", "libvpx-vp9", ""},
		{"av1.mkv", "h.mp4", "", ""},
		{"av1.mkv", "h.webm", "libsvtav1", ""},
	} {
		t.Run(c.in+" to "+c.codec+filepath.Ext(c.out), func(t *testing.T) {
			opts := TranscodeOptions{Codec: c.codec, DropUnmuxable: true, Widen: true}
			in, out := testvideo.Make(t, c.in), filepath.Join(dir, c.out)
			err := Check(t.Context(), in, out, opts)
			if c.text == "" && err != nil || c.text != "" && (!errors.Is(err, ErrUnsaid) || !strings.Contains(err.Error(), c.text)) {
				t.Errorf("error %v, want %q", err, c.text)
			}
			opts.DropTags = true
			if err := Check(t.Context(), in, out, opts); err != nil {
				t.Errorf("with the tags dropped: %v", err)
			}
		})
	}
}

// TestFullRangeUnderAnotherName: FFV1 takes full-range pictures only under the name that leaves the range to a tag; no sample changes.
func TestFullRangeUnderAnotherName(t *testing.T) {
	in := testvideo.Make(t, "mjpeg.mov")
	out, _ := transcode(t, in, ".mkv", TranscodeOptions{Codec: "ffv1"}, func(p *frame.Picture) error {
		if !p.FullRange {
			t.Error("a picture is not full range")
		}
		return nil
	})
	c, err := Compare(t.Context(), in, out, CompareOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !c.Video.Outside.Exact() || c.B.PixelFormat != "yuv422p" {
		t.Errorf("%v in %s", c.Video.Outside, c.B.PixelFormat)
	}
	for _, f := range c.Findings {
		if strings.Contains(f.What, "color") || strings.Contains(f.What, "colour") {
			t.Errorf("%+v", f)
		}
	}
}

// TestShortHEVC: x265 does not know decoding times of a film that is shorter than its delay.
func TestShortHEVC(t *testing.T) {
	in := testvideo.Make(t, "plain.mp4")
	for _, n := range []int64{1, 2, 3, 5} {
		opts := TranscodeOptions{Codec: "libx265", View: part(picture(0), picture(n))}
		out, _ := transcode(t, in, ".mp4", opts, noEdit)
		c, err := Compare(t.Context(), in, out, CompareOptions{View: opts.View})
		if err != nil {
			t.Fatal(err)
		}
		if !c.Clean() || c.Video.Frames != [2]int64{n, n} {
			t.Errorf("%d pictures: %v, %+v", n, c.Video.Frames, c.Findings)
		}
	}
}
