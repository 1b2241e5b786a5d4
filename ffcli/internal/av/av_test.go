package av

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/internal/testvideo"
)

func noEdit(*frame.Picture) error { return nil }

// seen is what a pass was lent.
type seen struct {
	index []int64
	pts   []time.Duration
}

func (s *seen) add(p *frame.Picture) error {
	s.index, s.pts = append(s.index, p.Index), append(s.pts, p.PTS)
	return p.Validate()
}

func decode(t *testing.T, path string) (DecodeResult, seen) {
	t.Helper()
	var s seen
	r, err := Decode(t.Context(), path, DecodeOptions{}, s.add)
	if err != nil {
		t.Fatalf("Decode(%s): %v", filepath.Base(path), err)
	}
	return r, s
}

// transcode runs both passes into a new folder and commits; the result's name has the given extension.
func transcode(t *testing.T, in, ext string, opts TranscodeOptions, edit func(*frame.Picture) error) (string, TranscodeResult) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out"+ext)
	r, err := Transcode(t.Context(), in, out, opts, edit)
	if err != nil {
		t.Fatalf("Transcode(%s): %v", filepath.Base(in), err)
	}
	if err := r.Output.Commit(out); err != nil {
		t.Fatal(err)
	}
	onlyFile(t, out)
	return out, r
}

// onlyFile fails when the folder of path holds anything else, or when path is "" in dir, anything.
func onlyFile(t *testing.T, path string) {
	t.Helper()
	list, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if e.Name() != filepath.Base(path) {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

func clipNames() []string {
	var names []string
	for n, c := range testvideo.Clips {
		if c.Frames > 0 {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names
}

// videoPTS are the presentation times of the film's packets, in order of time.
func videoPTS(p *ProbeResult) []time.Duration {
	var ts []time.Duration
	for _, k := range p.Streams[p.Info.Video].Packets {
		ts = append(ts, k.PTS)
	}
	slices.Sort(ts)
	return ts
}

func probe(t *testing.T, path string) *ProbeResult {
	t.Helper()
	p, err := Probe(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestEveryClip runs both passes over every kind of clip: the frames there are, the same indices and times in both, the
// same times in the output, and every other stream bit-identical.
func TestEveryClip(t *testing.T) {
	slow := []string{"av1.mkv", "dnxhd.mxf", "dnxhr.mov", "vp9.webm"}
	for _, name := range clipNames() {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && slices.Contains(slow, name) {
				t.Skip("slow encoder")
			}
			in := testvideo.Make(t, name)
			d, first := decode(t, in)
			if d.Frames != int64(testvideo.Clips[name].Frames) || d.Truncated || d.DecodeErrors != 0 {
				t.Fatalf("pass 1: %+v, want %d whole frames", d.Reading, testvideo.Clips[name].Frames)
			}
			for i, n := range first.index {
				if int64(i) != n || (i > 0 && first.pts[i] <= first.pts[i-1]) {
					t.Fatalf("frame %d has index %d and time %v", i, n, first.pts[i])
				}
			}
			if first.pts[0] != 0 {
				t.Errorf("the first frame is at %v, want 0", first.pts[0])
			}
			opts := TranscodeOptions{ConstantRate: d.ConstantRate}
			if name == "twofilms.mp4" {
				opts.Drop = []int{1}
			}
			var second seen
			out, r := transcode(t, in, filepath.Ext(name), opts, second.add)
			if r.Frames != d.Frames || !slices.Equal(first.index, second.index) || !slices.Equal(first.pts, second.pts) {
				t.Errorf("pass 2 was lent other frames than pass 1: %d, %v, want %d, %v", r.Frames, second.pts, d.Frames, first.pts)
			}
			d2, third := decode(t, out)
			if !slices.Equal(first.pts, third.pts) || d2.Truncated {
				t.Errorf("the output has frames at %v (%s), want %v", third.pts, d2.Reason, first.pts)
			}
			a, b := probe(t, in), probe(t, out)
			if a.Info.W != b.Info.W || a.Info.H != b.Info.H || a.Info.PixelFormat != b.Info.PixelFormat || a.Info.Codec != b.Info.Codec ||
				a.Info.Rotation != b.Info.Rotation || a.Info.SampleAspect != b.Info.SampleAspect {
				t.Errorf("the output is %+v, want as %+v", b.Info, a.Info)
			}
			// of a trimmed file only the pictures that are shown are coded again
			if pa, pb := videoPTS(a), videoPTS(b); pa[0] != NoTime && name != "trimmed.mp4" && !slices.Equal(pa, pb) {
				t.Errorf("the output's packets are at %v, want %v", pb, pa)
			}
			for i, o := range r.Streams {
				if i == a.Info.Video || o < 0 {
					continue
				}
				if why := a.Streams[i].Difference(&b.Streams[o], 0); why != "" {
					t.Errorf("stream %v: %s", a.Streams[i].Stream, why)
				}
			}
			if r.Retimed != 0 && name != "mpeg4.avi" { // whose last frame has no time
				t.Errorf("%d times were moved", r.Retimed)
			}
		})
	}
}

// TestLosslessIsExact proves the pixel path: without an edit, a lossless encoder gives back every frame bit by bit.
func TestLosslessIsExact(t *testing.T) {
	for _, c := range []struct {
		clip, ext, codec string
		options          map[string]string
	}{
		{"h264.mp4", ".mp4", "libx264", map[string]string{"qp": "0"}},
		{"odd444.mp4", ".mkv", "ffv1", nil},
		{"odd.mkv", ".mkv", "ffv1", nil},
		{"hdr.mkv", ".mkv", "libx265", map[string]string{"x265-params": "lossless=1"}},
		{"prores.mov", ".mkv", "ffv1", nil},
		{"interlaced.mp4", ".mp4", "libx264", map[string]string{"qp": "0"}},
		{"rgb.mkv", ".mkv", "ffv1", nil},
		{"gray.mkv", ".mkv", "ffv1", nil},
		{"bottomup.avi", ".avi", "", nil},
		{"alpha.mov", ".mov", "", nil},
	} {
		t.Run(c.clip, func(t *testing.T) {
			in := testvideo.Make(t, c.clip)
			opts := TranscodeOptions{Codec: c.codec, Options: c.options, DropUnmuxable: true}
			out, _ := transcode(t, in, c.ext, opts, noEdit)
			if a, b := hashes(t, in), hashes(t, out); !slices.Equal(a, b) {
				t.Errorf("frames differ:\n%v\n%v", a, b)
			}
		})
	}
}

// hashes are the MD5 sums of the film's decoded frames, made by the ffmpeg tool and not by us.
func hashes(t *testing.T, path string) []string {
	t.Helper()
	var h []string
	for _, l := range testvideo.FrameMD5(t, path, "-map", "0:V:0", "-vsync", "0") {
		h = append(h, l[strings.LastIndex(l, ",")+1:])
	}
	return h
}

// TestEditIsExact writes a box into every third frame; after lossless coding exactly the samples of the box have changed.
func TestEditIsExact(t *testing.T) {
	box := frame.Rect{X0: 100, Y0: 60, X1: 180, Y1: 140}
	for _, c := range []struct{ clip, ext, codec string }{
		{"h264.mp4", ".mkv", "ffv1"}, {"prores.mov", ".mkv", "ffv1"}, {"odd.mkv", ".mkv", ""}, {"rgb.mkv", ".mkv", ""},
		{"alpha.mov", ".mov", ""}, {"gray.mkv", ".mkv", ""}, {"bottomup.avi", ".avi", ""},
	} {
		t.Run(c.clip, func(t *testing.T) {
			in := testvideo.Make(t, c.clip)
			before := map[int64][]int{}
			if _, err := Decode(t.Context(), in, DecodeOptions{}, func(p *frame.Picture) error {
				before[p.Index] = samples(p)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			out, _ := transcode(t, in, c.ext, TranscodeOptions{Codec: c.codec, DropUnmuxable: true}, func(p *frame.Picture) error {
				if p.Index%3 == 0 {
					each(p, func(x, y, comp int, at []byte, v int) {
						if inside(box, p, comp, x, y) {
							put(at, p.Layout.Components[comp], painted(p, comp))
						}
					})
				}
				return nil
			})
			if _, err := Decode(t.Context(), out, DecodeOptions{}, func(p *frame.Picture) error {
				was, i := before[p.Index], 0
				each(p, func(x, y, comp int, _ []byte, v int) {
					want := was[i]
					if p.Index%3 == 0 && inside(box, p, comp, x, y) {
						want = painted(p, comp)
					}
					if v != want {
						t.Fatalf("frame %d component %d (%d,%d) = %d, want %d", p.Index, comp, x, y, v, want)
					}
					i++
				})
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func painted(p *frame.Picture, comp int) int { return 40 + 30*comp + int(p.Index) }

func inside(b frame.Rect, p *frame.Picture, comp, x, y int) bool {
	c := p.Layout.Components[comp]
	px, py := float64(x<<c.SubX), float64(y<<c.SubY)
	return px >= b.X0 && px < b.X1 && py >= b.Y0 && py < b.Y1
}

func each(p *frame.Picture, fn func(x, y, comp int, at []byte, v int)) {
	for i, c := range p.Layout.Components {
		w, h := p.Size(i)
		pl := p.Planes[c.Plane]
		for y := range h {
			for x := range w {
				at := pl.Data[y*pl.Stride+c.Offset+x*c.Step:]
				v := int(at[0])
				if c.Bytes() == 2 {
					v |= int(at[1]) << 8
				}
				fn(x, y, i, at, v>>c.Shift)
			}
		}
	}
}

func put(at []byte, c frame.Component, v int) {
	v <<= c.Shift
	at[0] = byte(v)
	if c.Bytes() == 2 {
		at[1] = byte(v >> 8)
	}
}

func samples(p *frame.Picture) []int {
	var s []int
	each(p, func(_, _, _ int, _ []byte, v int) { s = append(s, v) })
	return s
}

// TestSameBytes: equal input, options and threads give equal files. Several runs in one process, because what differs
// between runs may be the memory that an encoder was given (see likeInput).
func TestSameBytes(t *testing.T) {
	for _, c := range []struct{ clip, codec string }{{"h264.mp4", ""}, {"ass.mkv", ""}, {"stream.ts", ""}, {"plain.mp4", "libx265"}, {"plain.mp4", "ffv1"}} {
		t.Run(c.clip+" "+c.codec, func(t *testing.T) {
			in, ext := testvideo.Make(t, c.clip), filepath.Ext(c.clip)
			if c.codec == "ffv1" {
				ext = ".mkv"
			}
			var first []byte
			for range 4 {
				out, _ := transcode(t, in, ext, TranscodeOptions{Threads: 2, Codec: c.codec}, noEdit)
				b, err := os.ReadFile(out)
				if err != nil {
					t.Fatal(err)
				}
				if first == nil {
					first = b
				}
				if !slices.Equal(first, b) {
					t.Fatalf("two runs gave %d and %d bytes that differ", len(first), len(b))
				}
			}
		})
	}
}

// TestCancelled: a run that is stopped leaves nothing behind and says why.
func TestCancelled(t *testing.T) {
	in := testvideo.Make(t, "h264.mp4")
	stop := errors.New("the user pressed a key")
	for _, at := range []int64{0, 1, 30} {
		ctx, cancel := context.WithCancelCause(t.Context())
		out := filepath.Join(t.TempDir(), "out.mp4")
		_, err := Transcode(ctx, in, out, TranscodeOptions{}, func(p *frame.Picture) error {
			if p.Index == at {
				cancel(stop)
			}
			return nil
		})
		if !errors.Is(err, stop) {
			t.Errorf("stopped at %d: error %v, want %v", at, err, stop)
		}
		onlyFile(t, out)
		if _, err := Decode(ctx, in, DecodeOptions{}, noEdit); !errors.Is(err, stop) {
			t.Errorf("Decode after the stop: %v", err)
		}
	}
}

// TestFailingCallback: an error and a panic end both passes, and leave nothing behind.
func TestFailingCallback(t *testing.T) {
	in := testvideo.Make(t, "h264.mp4")
	bad := errors.New("bad")
	for _, c := range []struct {
		name string
		fn   func(*frame.Picture) error
		is   func(error) bool
	}{
		{"error", func(p *frame.Picture) error {
			if p.Index == 20 {
				return bad
			}
			return nil
		}, func(err error) bool { return errors.Is(err, bad) }},
		{"panic", func(p *frame.Picture) error {
			if p.Index == 20 {
				panic("boom")
			}
			return nil
		}, func(err error) bool {
			var p *PanicError
			return errors.As(err, &p) && p.Index == 20 && p.Value == "boom" && len(p.Stack) > 0
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Decode(t.Context(), in, DecodeOptions{}, c.fn); !c.is(err) {
				t.Errorf("Decode: %v", err)
			}
			out := filepath.Join(t.TempDir(), "out.mp4")
			if _, err := Transcode(t.Context(), in, out, TranscodeOptions{}, c.fn); !c.is(err) {
				t.Errorf("Transcode: %v", err)
			}
			onlyFile(t, out)
		})
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
