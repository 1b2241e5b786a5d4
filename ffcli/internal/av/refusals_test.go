package av

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/internal/testvideo"
)

// TestOpenRefuses: each input that is no film is refused with one clear line.
func TestOpenRefuses(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.mp4")
	for _, c := range []struct {
		name, path string
		kind       error
		text       string
	}{
		{"empty", testvideo.Make(t, testvideo.Empty), ErrOpen, "empty.mp4 is empty (0 bytes)"},
		{"garbage", testvideo.Make(t, testvideo.Garbage), ErrOpen, "garbage.mp4 is not a media file that FFmpeg knows"},
		{"directory", testvideo.Make(t, testvideo.Directory), ErrOpen, "directory.mp4 is a directory"},
		{"missing", missing, ErrOpen, missing + ": no such file"},
		{"sound only", testvideo.Make(t, "sound.m4a"), ErrNoVideo, "sound.m4a has no video stream"},
		{"no index", testvideo.Cut(t, testvideo.Make(t, "plain.mp4"), 0.6), ErrOpen, "cut-plain.mp4 is cut off: it holds "},
		{"device", os.DevNull, ErrOpen, "null is not a regular file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Open(c.path)
			if err == nil {
				s.Close()
				t.Fatal("opened")
			}
			if !errors.Is(err, c.kind) || !strings.HasPrefix(err.Error(), c.text) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want %q of kind %v", err, c.text, c.kind)
			}
			out := filepath.Join(t.TempDir(), "out.mp4")
			if _, err := Transcode(t.Context(), c.path, out, TranscodeOptions{}, noEdit); !errors.Is(err, c.kind) {
				t.Errorf("Transcode: %v", err)
			}
			onlyFile(t, out)
		})
	}
}

// TestCoverOnly: a sound file with a cover has no film.
func TestCoverOnly(t *testing.T) {
	in := testvideo.Make(t, "cover.mp4")
	only := filepath.Join(t.TempDir(), "song.m4a")
	testvideo.FFmpeg(t, "", "-i", in, "-map", "0:a", "-map", "0:v:m:nosuch?", "-map", "0:v", "-map", "-0:V", "-c", "copy", "-disposition:v:0", "attached_pic", only)
	if _, err := Open(only); !errors.Is(err, ErrNoVideo) {
		t.Errorf("Open: %v, want ErrNoVideo", err)
	}
}

// TestTruncated: what can be decoded is, both passes agree on it, and the end is called early.
func TestTruncated(t *testing.T) {
	faststart := func(name string) string {
		in, out := testvideo.Make(t, name), filepath.Join(t.TempDir(), "fast.mp4")
		testvideo.FFmpeg(t, "", "-i", in, "-map", "0:v", "-map", "0:a?", "-c", "copy", "-movflags", "+faststart", out)
		return out
	}
	for _, c := range []struct {
		name, path string
		share      float64
	}{
		{"mp4", faststart("h264.mp4"), 0.6},
		{"mp4 by a little", faststart("plain.mp4"), 0.999},
		{"mkv", testvideo.Make(t, "ass.mkv"), 0.6},
		{"mkv by a little", testvideo.Make(t, "hdr.mkv"), 0.995},
		{"avi", testvideo.Make(t, "mpeg4.avi"), 0.6},
	} {
		t.Run(c.name, func(t *testing.T) {
			whole, _ := decode(t, c.path)
			if whole.Truncated {
				t.Fatalf("the whole file is called truncated: %s", whole.Reason)
			}
			in := testvideo.Cut(t, c.path, c.share)
			d, first := decode(t, in)
			if !d.Truncated || d.Reason == "" || d.Frames == 0 || d.Frames > whole.Frames {
				t.Errorf("%+v after %d whole frames", d.Reading, whole.Frames)
			}
			var second seen
			out, r := transcode(t, in, filepath.Ext(in), TranscodeOptions{ConstantRate: d.ConstantRate}, second.add)
			if !r.Truncated || r.Frames != d.Frames || len(first.index) != len(second.index) {
				t.Errorf("pass 2: %+v, pass 1 %+v", r.Reading, d.Reading)
			}
			if got, _ := decode(t, out); got.Frames != d.Frames || got.Truncated {
				t.Errorf("the output has %+v, want %d frames", got.Reading, d.Frames)
			}
		})
	}
}

// TestDamaged: damage in the middle costs no frame, and is counted.
func TestDamaged(t *testing.T) {
	for _, name := range []string{"plain.mp4", "stream.ts", "ass.mkv"} {
		t.Run(name, func(t *testing.T) {
			in := testvideo.Damage(t, testvideo.Make(t, name), 0.5, 1500)
			d, first := decode(t, in)
			if d.DecodeErrors+d.ConcealedFrames+d.CorruptPackets+d.Complaints == 0 {
				t.Errorf("the damage was not seen: %+v", d.Reading)
			}
			var second seen
			_, r := transcode(t, in, filepath.Ext(name), TranscodeOptions{}, second.add)
			if len(first.index) != len(second.index) || r.Frames != d.Frames {
				t.Errorf("pass 1 saw %d frames, pass 2 %d", d.Frames, r.Frames)
			}
		})
	}
}

// TestTranscodeRefuses: what cannot be done is refused before any picture is edited, by Check too, and nothing is left.
func TestTranscodeRefuses(t *testing.T) {
	in := testvideo.Make(t, "h264.mp4")
	dir := t.TempDir()
	taken := filepath.Join(dir, "taken.mp4")
	if err := os.WriteFile(taken, []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link.mp4")
	if err := os.Symlink(in, link); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, "folder")
	if err := os.Mkdir(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	crf := 20.0
	prores := testvideo.Make(t, "prores.mov")
	two := testvideo.Make(t, "twofilms.mp4")
	for _, c := range []struct {
		name, in, out string
		opts          TranscodeOptions
		kind          error
		text          string
	}{
		{"same file", in, in, TranscodeOptions{Overwrite: true}, ErrSameFile, "same file"},
		{"same file by a link", in, link, TranscodeOptions{Overwrite: true}, ErrSameFile, "same file"},
		{"exists", in, taken, TranscodeOptions{}, ErrExists, "taken.mp4 exists already"},
		{"is a directory", in, folder, TranscodeOptions{Overwrite: true}, ErrOutput, "is a directory"},
		{"no directory", in, filepath.Join(dir, "no", "out.mp4"), TranscodeOptions{}, ErrOutput, "does not exist"},
		{"unwritable", in, "/sys/out.mp4", TranscodeOptions{}, ErrOutput, "permission denied"}, // to root as well
		{"unknown extension", in, filepath.Join(dir, "out.film"), TranscodeOptions{}, ErrOutput, `no container is known for the extension ".film"`},
		{"no extension", in, filepath.Join(dir, "out"), TranscodeOptions{}, ErrOutput, `extension ""`},
		{"many files", in, filepath.Join(dir, "out.png"), TranscodeOptions{}, ErrOutput, "more than one file"},
		{"unknown encoder", in, filepath.Join(dir, "out.mp4"), TranscodeOptions{Codec: "libx999"}, ErrEncoder, "no video encoder libx999"},
		{"audio encoder", in, filepath.Join(dir, "out.mp4"), TranscodeOptions{Codec: "aac"}, ErrEncoder, "no video encoder aac"},
		{"unknown option", in, filepath.Join(dir, "out.mp4"), TranscodeOptions{Options: map[string]string{"presset": "slow"}}, ErrEncoder, `no option "presset"`},
		{"bad value", in, filepath.Join(dir, "out.mp4"), TranscodeOptions{Options: map[string]string{"preset": "sluggish"}}, ErrEncoder, "sluggish"},
		{"unknown container option", in, filepath.Join(dir, "out.mp4"), TranscodeOptions{MuxOptions: map[string]string{"movfags": "x"}}, ErrOutput, `no option "movfags"`},
		{"no crf", in, filepath.Join(dir, "out.mkv"), TranscodeOptions{Codec: "ffv1", CRF: &crf}, ErrEncoder, "no constant rate factor"},
		{"pixel format", prores, filepath.Join(dir, "out.mov"), TranscodeOptions{Codec: "mpeg4"}, ErrEncoder, "does not take yuv422p10le; it takes yuv420p"},
		{"codec in container", in, filepath.Join(dir, "out.webm"), TranscodeOptions{}, ErrOutput, "webm cannot hold video in h264"},
		{"subtitles in container", in, filepath.Join(dir, "out.mkv"), TranscodeOptions{}, ErrOutput, "stream 3 (subtitle mov_text"},
		{"second film", two, filepath.Join(dir, "out.mp4"), TranscodeOptions{}, ErrOutput, "stream 1 (video h264): a second video stream"},
		{"dropped video", in, filepath.Join(dir, "out.mp4"), TranscodeOptions{Drop: []int{0}}, ErrOutput, "stream 0 cannot be dropped"},
		{"flac in mp4", testvideo.Make(t, "ass.mkv"), filepath.Join(dir, "out.avi"), TranscodeOptions{DropUnmuxable: false}, ErrOutput, "stream 2 (subtitle ass"},
	} {
		t.Run(c.name, func(t *testing.T) {
			check := func(what string, err error) {
				if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "\n") {
					t.Errorf("%s: error %v, want %q of kind %v", what, err, c.text, c.kind)
				}
			}
			check("Check", Check(t.Context(), c.in, c.out, c.opts))
			_, err := Transcode(t.Context(), c.in, c.out, c.opts, func(*frame.Picture) error {
				t.Error("a picture was edited")
				return nil
			})
			check("Transcode", err)
			list, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range list {
				if strings.Contains(e.Name(), ".part") || strings.HasPrefix(e.Name(), "out") {
					t.Errorf("%s was left behind", e.Name())
				}
			}
		})
	}
	var s *StreamError
	if err := Check(t.Context(), in, filepath.Join(dir, "out.mkv"), TranscodeOptions{}); !errors.As(err, &s) || s.Stream.Index != 3 {
		t.Errorf("error %v names no stream", err)
	}
	if err := Check(t.Context(), in, filepath.Join(dir, "out.mkv"), TranscodeOptions{Drop: []int{3}}); err != nil {
		t.Errorf("with the stream dropped: %v", err)
	}
}

// TestCheckAV1: SVT-AV1 hangs when it is freed without having been told of the end; a check, and a run that is given up,
// have to come back.
func TestCheckAV1(t *testing.T) {
	in, out := testvideo.Make(t, "av1.mkv"), filepath.Join(t.TempDir(), "out.mkv")
	if err := Check(t.Context(), in, out, TranscodeOptions{}); err != nil {
		t.Fatal(err)
	}
	bad := errors.New("bad")
	for _, at := range []int64{0, 5} {
		if _, err := Transcode(t.Context(), in, out, TranscodeOptions{}, func(p *frame.Picture) error {
			if p.Index == at {
				return bad
			}
			return nil
		}); !errors.Is(err, bad) {
			t.Errorf("stopped at %d: %v", at, err)
		}
	}
	onlyFile(t, out)
}

// TestCommit: the final name appears by Commit only, never over another file unless asked; Abort leaves nothing.
func TestCommit(t *testing.T) {
	in := testvideo.Make(t, "plain.mp4")
	run := func(t *testing.T, out string, overwrite bool) *Output {
		t.Helper()
		r, err := Transcode(t.Context(), in, out, TranscodeOptions{Overwrite: overwrite, Options: map[string]string{"preset": "ultrafast"}}, noEdit)
		if err != nil {
			t.Fatal(err)
		}
		return r.Output
	}
	t.Run("abort", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "out.mp4")
		o := run(t, out, false)
		if _, err := os.Stat(out); err == nil {
			t.Error("the final name is there before Commit")
		}
		if d, _ := decode(t, o.Path()); d.Frames != 50 {
			t.Errorf("the working file has %d frames, want 50", d.Frames)
		}
		for range 2 {
			if err := o.Abort(); err != nil {
				t.Error(err)
			}
		}
		onlyFile(t, filepath.Join(filepath.Dir(out), "nothing"))
		if err := o.Commit(out); err == nil {
			t.Error("Commit after Abort")
		}
	})
	t.Run("name taken meanwhile", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "out.mp4")
		o := run(t, out, false)
		if err := os.WriteFile(out, []byte("another's"), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := o.Commit(out); !errors.Is(err, ErrExists) {
			t.Errorf("Commit: %v, want ErrExists", err)
		}
		if b, _ := os.ReadFile(out); string(b) != "another's" {
			t.Error("the other file was overwritten")
		}
		if err := o.Commit(out + ".unverified"); err != nil {
			t.Error(err)
		}
	})
	t.Run("overwrite", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "out.mp4")
		if err := os.WriteFile(out, []byte("old"), 0o666); err != nil {
			t.Fatal(err)
		}
		o := run(t, out, true)
		if b, _ := os.ReadFile(out); string(b) != "old" {
			t.Error("the old file went before Commit")
		}
		if err := o.Commit(out); err != nil {
			t.Fatal(err)
		}
		decode(t, out)
		onlyFile(t, out)
	})
}
