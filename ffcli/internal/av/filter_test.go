package av

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/asticode/go-astiav"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/ffcli/internal/avplane"
	"github.com/ksamenet/ksamenet/internal/testvideo"
)

// marker is an Editor that writes each picture's number into its first sample, as the painting of faces would.
type marker struct {
	examined, painted []int64
	ahead             int64 // most pictures that were examined and not painted
	fail              int64 // picture whose painting fails; 0: none
	each              func(index int64)
}

func (m *marker) Examine(p *frame.Picture) error {
	m.examined = append(m.examined, p.Index)
	if m.each != nil {
		m.each(p.Index)
	}
	return nil
}

func (m *marker) Paint(p *frame.Picture) error {
	m.ahead = max(m.ahead, m.examined[len(m.examined)-1]-p.Index)
	if m.fail > 0 && p.Index == m.fail {
		return errMarker
	}
	m.painted = append(m.painted, p.Index)
	p.Planes[0].Data[0] = mark(p.Index)
	return nil
}

var errMarker = errors.New("painting failed")

// mark is in the legal range, and is in no test picture's corner.
func mark(index int64) byte { return byte(17 + index) }

// streamed is a stream of one second, 25 pictures, sound and subtitles, as the ffmpeg tool writes it into a pipe.
func streamed(t *testing.T, format string) []byte { return lasting(t, format, "1") }

func lasting(t *testing.T, format, seconds string) []byte {
	t.Helper()
	dir := t.TempDir()
	srt := filepath.Join(dir, "a.srt")
	if err := os.WriteFile(srt, []byte("1\n00:00:00,200 --> 00:00:00,600\nwords\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, args := filepath.Join(dir, "s"), []string{"-map", "0", "-map", "1", "-c:v", "rawvideo"}
	if format == "matroska" { // NUT holds no such text
		args = append(args, "-map", "2", "-c:v", "ffv1", "-c:s", "copy")
	}
	args = append([]string{"-f", "lavfi", "-i", "testsrc2=s=96x64:r=25", "-f", "lavfi", "-i", "sine", "-i", srt, "-t", seconds}, args...)
	testvideo.FFmpeg(t, dir, append(args, "-pix_fmt", "yuv422p10le", "-c:a", "pcm_s16le", "-metadata", "comment=before", "-f", format, "file:"+out)...)
	return []byte(read(t, out))
}

func filtered(t *testing.T, in []byte, opts FilterOptions, m *marker) (string, FilterResult, error) {
	t.Helper()
	var b bytes.Buffer
	r, err := Filter(t.Context(), bytes.NewReader(in), &b, opts, m)
	path := filepath.Join(t.TempDir(), "out.nut")
	if b.Len() > 0 {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return path, r, err
}

// marked says which pictures a file has, by the mark in each.
func marked(t *testing.T, path string) (list []int64) {
	t.Helper()
	if _, err := Decode(t.Context(), path, DecodeOptions{}, func(p *frame.Picture) error {
		if p.Planes[0].Data[0] != mark(p.Index) {
			t.Errorf("picture %d was not painted", p.Index)
		}
		list = append(list, p.Index)
		return nil
	}); err != nil {
		t.Error(err)
	}
	return list
}

// A stream goes through from pipe to pipe: every picture is painted, as many are looked ahead as was asked, samples beside the painting
// and all other streams are the same.
func TestFilter(t *testing.T) {
	for _, c := range []struct {
		in, out string // formats; empty: not said
		codec   string
		ahead   int
	}{{"nut", "", "rawvideo", 0}, {"nut", "", "rawvideo", 4}, {"matroska", "", "ffv1", 30}, {"nut", "matroska", "ffv1", 2}} {
		t.Run(c.in+" "+c.out, func(t *testing.T) {
			in, m := streamed(t, c.in), &marker{}
			path, r, err := filtered(t, in, FilterOptions{Format: c.out, Ahead: c.ahead, Digests: true, TranscodeOptions: TranscodeOptions{Metadata: map[string]string{"comment": "after"}}}, m)
			if err != nil {
				t.Fatal(err)
			}
			if got := marked(t, path); len(got) != 25 || r.Written != 25 || r.Truncated || r.Encoder != c.codec || len(r.In) != 64 || len(r.Out) != 64 {
				t.Errorf("pictures %v, %+v", got, r)
			}
			if want := int64(min(c.ahead, 24)); m.ahead != want || !slices.Equal(m.examined, m.painted) {
				t.Errorf("looked %d pictures ahead, want %d; %v %v", m.ahead, want, m.examined, m.painted)
			}
			before := filepath.Join(t.TempDir(), "in.nut")
			if err := os.WriteFile(before, in, 0o644); err != nil {
				t.Fatal(err)
			}
			d := compare(t, before, path, CompareOptions{})
			if d.Video.Outside.Changed > 25 || d.Video.Missing+d.Video.Added > 0 || len(d.Streams) < 2 || slices.ContainsFunc(d.Streams[1:], func(s StreamMatch) bool { return !s.Same }) {
				t.Errorf("%+v", d)
			}
			if p := probe(t, path).Info; p.PixelFormat != "yuv422p10le" {
				t.Errorf("%+v", p)
			}
			if tags := testvideo.Probe(t, "-show_entries", "format_tags", path); !strings.Contains(strings.ToLower(strings.Join(tags, "\n")), "comment=before; after") {
				t.Errorf("tags %v", tags)
			}
		})
	}
}

// What stops a stream, and what is written then: never a picture that was not painted.
func TestFilterStops(t *testing.T) {
	whole := streamed(t, "nut")
	// Streams are looked into before the first picture comes out: half of this one is enough for that.
	long := lasting(t, "nut", "8")
	t.Run("broken off", func(t *testing.T) {
		path, r, err := filtered(t, whole[:len(whole)*6/10], FilterOptions{Ahead: 5}, &marker{})
		if err != nil || !r.Truncated || r.Reason == "" {
			t.Errorf("%+v, %v", r, err)
		}
		if n := len(marked(t, path)); n < 10 || n > 16 || int64(n) != r.Written {
			t.Errorf("%d pictures", n)
		}
	})
	t.Run("broken off between two packets", func(t *testing.T) {
		at := bytes.LastIndex(whole, nutIndex)
		if _, r, err := filtered(t, whole[:at], FilterOptions{}, &marker{}); err != nil || !strings.Contains(r.Reason, "without the index") || r.Written != 25 {
			t.Errorf("%+v, %v", r, err)
		}
	})
	t.Run("painting fails", func(t *testing.T) {
		path, _, err := filtered(t, long, FilterOptions{Ahead: 2}, &marker{fail: 70})
		if !errors.Is(err, errMarker) {
			t.Errorf("error %v", err)
		}
		// How much had been written by then is left to chance, and be it nothing; what was, was painted.
		n := 0
		_, _ = Decode(t.Context(), path, DecodeOptions{}, func(p *frame.Picture) error {
			if n++; p.Planes[0].Data[0] != mark(p.Index) {
				t.Errorf("picture %d was not painted", p.Index)
			}
			return nil
		})
		if n > 70 {
			t.Errorf("%d pictures, of which 70 were painted", n)
		}
	})
	t.Run("panic", func(t *testing.T) {
		var p *PanicError
		if _, _, err := filtered(t, whole, FilterOptions{}, &marker{each: func(int64) { panic("x") }}); !errors.As(err, &p) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("the reader goes away", func(t *testing.T) {
		w := writer(func(b []byte) (int, error) { return 0, &os.PathError{Op: "write", Err: syscall.EPIPE} })
		_, err := Filter(t.Context(), bytes.NewReader(whole), w, FilterOptions{}, &marker{})
		if !errors.Is(err, ErrClosed) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("the writer stalls while painting fails", func(t *testing.T) {
		r, w := io.Pipe()
		go w.Write(long[:len(long)/2]) // and then nothing, for ever
		defer r.Close()
		if _, err := Filter(t.Context(), r, io.Discard, FilterOptions{}, &marker{fail: 3}); !errors.Is(err, errMarker) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r, w := io.Pipe()
		go w.Write(long[:len(long)/2])
		defer r.Close()
		var b bytes.Buffer
		m := &marker{each: func(i int64) {
			if i == 5 {
				cancel()
			}
		}}
		res, err := Filter(ctx, r, &b, FilterOptions{Ahead: 3}, m)
		if !errors.Is(err, ErrStopped) || res.Written < 6 || len(m.painted) != int(res.Written) {
			t.Errorf("%v, %+v, painted %v", err, res, m.painted)
		}
		if _, again, err := filtered(t, b.Bytes(), FilterOptions{}, &marker{}); err != nil || again.Truncated {
			t.Errorf("the stream has no end: %+v, %v", again, err)
		}
	})
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }

func TestFilterRefuses(t *testing.T) {
	dir := t.TempDir()
	sound := filepath.Join(dir, "sound")
	testvideo.FFmpeg(t, dir, "-f", "lavfi", "-i", "sine", "-t", "1", "-f", "nut", "file:"+sound)
	whole := streamed(t, "nut")
	for _, c := range []struct {
		name, text string
		in         []byte
		opts       FilterOptions
		want       error
	}{
		{"nothing", "is empty", nil, FilterOptions{}, ErrOpen},
		{"garbage", "no stream that FFmpeg knows", bytes.Repeat([]byte("no film "), 4000), FilterOptions{}, ErrOpen},
		{"playlist", "", []byte("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:" + sound + "\n#EXT-X-ENDLIST\n"), FilterOptions{}, ErrOpen},
		{"sound alone", "has no video stream", []byte(read(t, sound)), FilterOptions{}, ErrNoVideo},
		{"unknown input format", "no input format", whole, FilterOptions{InputFormat: "nonsense"}, ErrOpen},
		{"unknown codec", "no video encoder", whole, FilterOptions{TranscodeOptions: TranscodeOptions{Codec: "nonsense"}}, ErrEncoder},
		{"a pixel format that the codec does not take", "does not take yuv422p10le", whole, FilterOptions{TranscodeOptions: TranscodeOptions{Codec: "mpeg2video"}}, ErrEncoder},
		{"unknown option", "nonsense", whole, FilterOptions{TranscodeOptions: TranscodeOptions{Codec: "ffv1", Options: map[string]string{"nonsense": "1"}}}, ErrEncoder},
	} {
		t.Run(c.name, func(t *testing.T) {
			path, _, err := filtered(t, c.in, c.opts, &marker{})
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("error %v, want %v with %q", err, c.want, c.text)
			}
			if _, err := os.Stat(path); err == nil {
				t.Error("something was written")
			}
		})
	}
}

// Raw pictures come back from a container as what they were, or are not written.
func TestRawPicturesAreNamed(t *testing.T) {
	in := filepath.Join(t.TempDir(), "in.nut")
	testvideo.FFmpeg(t, "", "-f", "lavfi", "-i", "color=s=16x16", "-frames:v", "1", "-c:v", "rawvideo", in)
	for container, ext := range map[string]string{"nut": ".nut", "matroska": ".mkv"} {
		for f := astiav.PixelFormat(0); f < 400; f++ {
			if f.Name() == "" {
				continue
			}
			if _, err := avplane.Layout(f); err != nil {
				continue
			}
			out := filepath.Join(t.TempDir(), "raw"+ext)
			r, err := Transcode(t.Context(), in, out, TranscodeOptions{Codec: "rawvideo", Filter: "format=" + f.Name()}, noEdit)
			same := false
			if err == nil {
				if err := r.Output.Commit(out); err != nil {
					t.Fatal(err)
				}
				p, err := Open(out)
				if same = err == nil && p.Info().PixelFormat == f.Name(); err == nil {
					p.Close()
				}
			}
			if same != rawHolds(container, f) {
				t.Errorf("%s in %s: kept %v, expected %v (%v)", f.Name(), container, same, rawHolds(container, f), err)
			}
		}
	}
}
