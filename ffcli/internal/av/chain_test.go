package av

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/internal/testvideo"
)

// An encoder that does not take the input's pixel format gets the nearest that holds all of it; what would lose is refused.
func TestWiden(t *testing.T) {
	for _, c := range []struct{ clip, codec, ext, format string }{
		{"plain.mp4", "prores_ks", ".mov", "yuv422p10le"},
		{"prores.mov", "prores_ks", ".mov", "yuv422p10le"},
		{"plain.mp4", "mpeg2video", ".mxf", "yuv420p"},
		{"prores.mov", "mpeg2video", ".mxf", ""},
		{"interlaced.mp4", "prores_ks", ".mov", "yuv422p10le"},
	} {
		t.Run(c.clip+" "+c.codec, func(t *testing.T) {
			in := testvideo.Make(t, c.clip)
			opts := TranscodeOptions{Codec: c.codec, Widen: true, ConstantRate: true, DropUnmuxable: true}
			if c.format == "" {
				err := Check(t.Context(), in, filepath.Join(t.TempDir(), "out"+c.ext), opts)
				if !errors.Is(err, ErrEncoder) || !strings.Contains(err.Error(), "yuv422p10le") {
					t.Errorf("error %v", err)
				}
				return
			}
			out, r := transcode(t, in, c.ext, opts, noEdit)
			if got := probe(t, out).Info.PixelFormat; got != c.format {
				t.Errorf("%s, want %s", got, c.format)
			}
			if r.Frames != int64(testvideo.Clips[c.clip].Frames) {
				t.Errorf("%d pictures", r.Frames)
			}
			if v := compare(t, in, out, CompareOptions{}); v.Video.Missing+v.Video.Added > 0 || v.Video.Outside.PSNR() < 35 || slices.Contains(v.whats(), "field order") {
				t.Errorf("%+v", v)
			}
		})
	}
}

// A chain sees the edited pictures; one that changes size, number or time of pictures is refused before any work.
func TestFilterChain(t *testing.T) {
	in := testvideo.Make(t, "plain.mp4")
	out, _ := transcode(t, in, ".mkv", TranscodeOptions{Codec: "ffv1", Filter: "negate"}, func(p *frame.Picture) error {
		p.Planes[0].Data[0] = 17
		return nil
	})
	if _, err := Decode(t.Context(), out, DecodeOptions{}, func(p *frame.Picture) error {
		if got := p.Planes[0].Data[0]; got != 16+235-17 && got != 255-17 {
			t.Errorf("picture %d: the edited sample became %d", p.Index, got)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for filter, text := range map[string]string{"scale=64:64": "the size has to stay", "fps=5": "holds pictures back", "nonsense": "nonsense"} {
		err := Check(t.Context(), in, filepath.Join(t.TempDir(), "out.mkv"), TranscodeOptions{Filter: filter})
		if !errors.Is(err, ErrEncoder) || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: error %v, want %q", filter, err, text)
		}
	}
}

// Captions go into the stream, or the run stops, or the user lets them go.
func TestCaptions(t *testing.T) {
	in := testvideo.Captioned(t, ".mp4")
	out, _ := transcode(t, in, ".mp4", TranscodeOptions{ConstantRate: true}, noEdit)
	if c := compare(t, in, out, CompareOptions{}); !c.Clean() {
		t.Errorf("%+v", c.Findings)
	}
	_, err := Transcode(t.Context(), in, filepath.Join(t.TempDir(), "out.mkv"), TranscodeOptions{Codec: "ffv1"}, noEdit)
	if !errors.Is(err, ErrEncoder) || !strings.Contains(err.Error(), "closed captions") {
		t.Errorf("error %v", err)
	}
	out, _ = transcode(t, in, ".mkv", TranscodeOptions{Codec: "ffv1", DropCaptions: true}, noEdit)
	if got := compare(t, in, out, CompareOptions{}).whats(); !slices.Contains(got, "closed captions") {
		t.Errorf("found %q, want the loss of captions", got)
	}
}

// The rate of the input is held.
func TestMatchRate(t *testing.T) {
	in := filepath.Join(t.TempDir(), "in.mp4")
	testvideo.FFmpeg(t, "", "-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=3", "-vf", "noise=alls=20:allf=t", "-c:v", "libx264", "-preset", "veryfast", "-b:v", "900k", in)
	opts := TranscodeOptions{MatchRate: true, ConstantRate: true, Options: map[string]string{"preset": "veryfast"}}
	sizes := func(o TranscodeOptions) (was, is int) {
		out, _ := transcode(t, in, ".mp4", o, noEdit)
		for _, p := range probe(t, in).Streams[0].Packets {
			was += p.Size
		}
		for _, p := range probe(t, out).Streams[0].Packets {
			is += p.Size
		}
		return was, is
	}
	if was, is := sizes(opts); is < was*7/10 || is > was*13/10 {
		t.Errorf("%d bytes became %d", was, is)
	}
	if err := Check(t.Context(), testvideo.Make(t, "prores.mov"), filepath.Join(t.TempDir(), "out.mov"), TranscodeOptions{MatchRate: true}); err != nil {
		t.Errorf("an encoder that follows the input by itself: %v", err)
	}
	crf := 30.0
	opts.MatchRate, opts.CRF, opts.PreferredCRF = false, &crf, 1
	_, coarse := sizes(opts)
	opts.CRF = nil
	if _, fine := sizes(opts); fine < 2*coarse {
		t.Errorf("crf 1 makes %d bytes, crf 30 %d", fine, coarse)
	}
}
