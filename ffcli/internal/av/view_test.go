package av

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/internal/testvideo"
)

func picture(n int64) Mark       { return Mark{Set: true, Picture: n} }
func after(d time.Duration) Mark { return Mark{Set: true, Timed: true, Time: d} }
func part(from, to Mark) View    { return View{From: from, To: to} }
func through(filter string) View { return View{Filter: filter} }

// A part of a film is the film's own pictures, its sound, its subtitles, chapters and timecode, at the times of the film's start.
func TestPart(t *testing.T) {
	for _, c := range []struct {
		clip string
		view View
		n    int64 // pictures that are in it
		what []string
	}{
		{"h264.mp4", part(picture(10), picture(40)), 30, nil},
		{"h264.mp4", part(after(1200*time.Millisecond), Mark{}), 20, nil},
		{"h264.mp4", part(Mark{}, picture(7)), 7, nil},
		{"prores.mov", part(picture(3), picture(20)), 17, []string{"-show_entries", "stream_tags=timecode", "01:00:00:03"}},
		{"dnxhd.mxf", part(picture(1), picture(4)), 3, nil},
		{"stream.ts", part(picture(13), picture(38)), 25, nil},
		{"offset.mp4", part(picture(25), Mark{}), 25, nil},
		{"soundfirst.ts", part(picture(5), picture(15)), 10, nil},
		{"ass.mkv", part(picture(5), picture(20)), 15, nil},
		{"vfr.mp4", part(after(600*time.Millisecond), picture(20)), 7, nil},
		{"raw.h264", part(picture(5), picture(15)), 10, nil},
		{"mpeg2.mpg", part(picture(4), picture(18)), 14, nil},
		{"pcm.mov", part(picture(2), picture(8)), 6, nil},
		{"interlaced.mp4", part(picture(2), picture(9)), 7, nil},
		{"vp9.webm", part(picture(2), picture(8)), 6, nil},
	} {
		t.Run(c.clip, func(t *testing.T) {
			t.Parallel()
			in := testvideo.Make(t, c.clip)
			var first, second seen
			d, err := Decode(t.Context(), in, DecodeOptions{View: c.view}, first.add)
			if err != nil {
				t.Fatal(err)
			}
			if d.Frames != c.n || d.Truncated || len(first.index) == 0 || first.index[0] != 0 || first.pts[0] != 0 {
				t.Errorf("%+v at %v, want %d pictures from 0", d.Reading, first.pts, c.n)
			}
			out, r := transcode(t, in, filepath.Ext(c.clip), TranscodeOptions{ConstantRate: d.ConstantRate, View: c.view}, second.add)
			if !slices.Equal(first.index, second.index) || !slices.Equal(first.pts, second.pts) || r.Skipped != d.Skipped || r.Seen != c.n {
				t.Errorf("pass 2 was lent %v (%d of the film before, %d in it), pass 1 %v", second.pts, r.Skipped, r.Seen, first.pts)
			}
			v := compare(t, in, out, CompareOptions{View: c.view})
			if !v.Clean() || v.Video.Outside.PSNR() < 38 {
				t.Errorf("%.1f dB, %+v", v.Video.Outside.PSNR(), v.Findings)
			}
			for i, s := range v.Streams {
				if i != v.A.Video && s.Packets == 0 && s.Stream.Type == "audio" {
					t.Errorf("no packet of stream %v", s.Stream)
				}
			}
			if c.what != nil {
				want := c.what[len(c.what)-1]
				if got := testvideo.Probe(t, append(c.what[:len(c.what)-1], out)...); !slices.ContainsFunc(got, func(l string) bool { return strings.HasSuffix(l, want) }) {
					t.Errorf("%v, want %s", got, want)
				}
			}
			if v := compare(t, in, out, CompareOptions{}); v.Clean() {
				t.Error("a part is the whole film")
			}
		})
	}
}

// The pictures of a part are the very ones, bit by bit, and chapters and subtitles are clipped to it.
func TestPartIsExact(t *testing.T) {
	in := testvideo.Make(t, "prores.mov")
	out, _ := transcode(t, in, ".mkv", TranscodeOptions{Codec: "ffv1", DropUnmuxable: true, View: part(picture(6), picture(19))}, noEdit)
	if a, b := hashes(t, in)[6:19], hashes(t, out); !slices.Equal(a, b) {
		t.Errorf("pictures differ:\n%v\n%v", a, b)
	}
	in = testvideo.Make(t, "h264.mp4")
	out, _ = transcode(t, in, ".mp4", TranscodeOptions{ConstantRate: true, View: part(picture(15), picture(30))}, noEdit)
	var got []string
	for _, l := range testvideo.Probe(t, "-show_chapters", "-show_entries", "packet=pts_time,duration_time,size", "-select_streams", "s", out) {
		if strings.HasPrefix(l, "start_time") || strings.HasPrefix(l, "end_time") || strings.HasPrefix(l, "TAG:title") || strings.HasPrefix(l, "pts_time") || strings.HasPrefix(l, "duration_time") {
			got = append(got, l)
		}
	}
	// "hello" is seen from .1 to .9 s, "world" from 1 to 1.8; the part is .6 to 1.2 s.
	want := []string{"pts_time=0.000000", "duration_time=0.300000", "pts_time=0.300000", "duration_time=0.100000", "pts_time=0.400000", "duration_time=0.200000",
		"start_time=0.000000", "end_time=0.400000", "TAG:title=One", "start_time=0.400000", "end_time=0.600000", "TAG:title=Two"}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
}

// What cannot be seen so is refused before any work.
func TestPartRefusals(t *testing.T) {
	for _, c := range []struct {
		clip string
		opts TranscodeOptions
		kind error
		text string
	}{
		{"h264.mp4", TranscodeOptions{View: part(picture(50), Mark{})}, ErrView, "ends after 50 pictures"},
		{"h264.mp4", TranscodeOptions{View: part(picture(9), after(100*time.Millisecond))}, ErrView, "no picture lies between"},
		{"vfr.mp4", TranscodeOptions{View: part(Mark{Set: true, Picture: 14, Even: true}, Mark{})}, ErrView, "do not last equally long"},
		{"h264.mp4", TranscodeOptions{View: part(picture(9), Mark{}), Smart: &Smart{}}, ErrSmart, "neither a part"},
		{"h264.mp4", TranscodeOptions{View: through("negate"), Smart: &Smart{}}, ErrSmart, "neither a part"},
		{"h264.mp4", TranscodeOptions{View: through("nosuchfilter")}, ErrView, "nosuchfilter"},
		{"h264.mp4", TranscodeOptions{View: through("setpts=PTS+1/TB")}, ErrView, "moves the film"},
		{"prores.mov", TranscodeOptions{View: through("yadif=send_field")}, ErrView, "timecode counts"},
	} {
		err := Check(t.Context(), testvideo.Make(t, c.clip), filepath.Join(t.TempDir(), "out"+filepath.Ext(c.clip)), c.opts)
		if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s %+v: error %v, want %q", c.clip, c.opts.View, err, c.text)
		}
	}
	for text, bad := range map[string]bool{"negate": false, "yadif,scale=640:-2": false, "nonsense": true, "scale=nosuch=1": true, "scale=": false, "": true} {
		if err := CheckFilter(text); (err != nil) != bad {
			t.Errorf("%q: error %v", text, err)
		}
	}
}

// A chain before the passes may change rate, size, fields and format. Both passes see what it makes, and the output tells it so.
func TestBefore(t *testing.T) {
	for _, c := range []struct {
		clip, filter, ext string
		n                 int64
		w, h              int
		rate              string
	}{
		{"interlaced.mp4", "yadif", ".mp4", 25, 352, 288, "25/1"},
		{"interlaced.mp4", "bwdif=send_field", ".mp4", 50, 352, 288, "50/1"},
		{"h264.mp4", "scale=160:120", ".mp4", 50, 160, 120, "25/1"},
		{"h264.mp4", "crop=200:100", ".mp4", 50, 200, 100, "25/1"},
		{"stream.ts", "fps=50", ".ts", 100, 320, 240, "50/1"},
		{"vfr.mp4", "fps=25", ".mp4", 0, 320, 240, "25/1"},
		{"prores.mov", "yadif,format=yuv422p10", ".mov", 25, 320, 240, "25/1"},
		{"hdr.mkv", "hflip", ".mkv", 25, 320, 240, "25/1"},
	} {
		t.Run(c.filter, func(t *testing.T) {
			t.Parallel()
			in, view := testvideo.Make(t, c.clip), through(c.filter)
			var first, second seen
			d, err := Decode(t.Context(), in, DecodeOptions{View: view}, first.add)
			if err != nil {
				t.Fatal(err)
			}
			if c.n > 0 && d.Frames != c.n || !d.ConstantRate || d.Seen != int64(testvideo.Clips[c.clip].Frames) {
				t.Errorf("%+v, want %d pictures at a constant rate", d.Reading, c.n)
			}
			out, _ := transcode(t, in, c.ext, TranscodeOptions{ConstantRate: d.ConstantRate, View: view}, func(p *frame.Picture) error {
				if p.W != c.w || p.H != c.h {
					t.Errorf("a picture of %dx%d", p.W, p.H)
				}
				return second.add(p)
			})
			if !slices.Equal(first.pts, second.pts) {
				t.Errorf("pass 2 was lent %v, pass 1 %v", second.pts, first.pts)
			}
			v := compare(t, in, out, CompareOptions{View: view})
			if !v.Clean() || v.Video.Outside.PSNR() < 38 {
				t.Errorf("%.1f dB, %+v", v.Video.Outside.PSNR(), v.Findings)
			}
			got := testvideo.Probe(t, "-select_streams", "V", "-show_entries", "stream=avg_frame_rate,field_order,width,height", out)
			if !slices.Contains(got, "avg_frame_rate="+c.rate) || strings.Contains(c.filter, "dif") && !slices.Contains(got, "field_order=progressive") {
				t.Errorf("the output says %v", got)
			}
		})
	}
}

// Captions go through filters with their pictures, and stop a chain that makes other pictures of them.
func TestBeforeKeepsCaptions(t *testing.T) {
	in := testvideo.Captioned(t, ".mp4")
	view := View{From: picture(3), Filter: "hue=s=0"}
	out, _ := transcode(t, in, ".mp4", TranscodeOptions{ConstantRate: true, View: view}, noEdit)
	if c := compare(t, in, out, CompareOptions{View: view}); !c.Clean() {
		t.Errorf("%+v", c.Findings)
	}
	_, err := Transcode(t.Context(), in, filepath.Join(t.TempDir(), "out.mp4"), TranscodeOptions{View: through("fps=50")}, noEdit)
	if !errors.Is(err, ErrView) || !strings.Contains(err.Error(), "closed captions") {
		t.Errorf("error %v", err)
	}
}

// A chain that lets the film run at another speed is stopped.
func TestBeforeKeepsTime(t *testing.T) {
	in := testvideo.Make(t, "plain.mp4")
	for filter, text := range map[string]string{"setpts=2*PTS": "changes the times", "setpts=PTS/2": "the film lasts", "trim=end=1": "ends the film", "select='lt(n,20)'": "the film lasts"} {
		_, err := Decode(t.Context(), in, DecodeOptions{View: through(filter)}, func(*frame.Picture) error { return nil })
		if !errors.Is(err, ErrView) || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: error %v, want %q", filter, err, text)
		}
	}
}

// Between pipes too: the editor is lent what the chain makes, and the stream tells size and rate of it.
func TestFilterBefore(t *testing.T) {
	var m marker
	out, r, err := filtered(t, streamed(t, "nut"), FilterOptions{Ahead: 3, TranscodeOptions: TranscodeOptions{View: through("fps=50,scale=48:32")}}, &m)
	if err != nil || r.Written != 50 || len(m.painted) != 50 || r.W != 48 || r.H != 32 {
		t.Fatalf("%+v, %d painted: %v", r, len(m.painted), err)
	}
	if got := testvideo.Probe(t, "-select_streams", "V", "-show_entries", "stream=width,height,r_frame_rate", out); !slices.Contains(got, "width=48") || !slices.Contains(got, "r_frame_rate=50/1") {
		t.Errorf("the stream says %v", got)
	}
	_, _, err = filtered(t, streamed(t, "nut"), FilterOptions{TranscodeOptions: TranscodeOptions{View: through("setpts=PTS*2")}}, &marker{})
	if !errors.Is(err, ErrView) {
		t.Errorf("error %v", err)
	}
}
