package av

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/internal/testvideo"
)

// pixels are the hashes of a file's pictures, as the ffmpeg tool decodes them, which must not complain.
func pixels(t *testing.T, path string) []string {
	t.Helper()
	var out, said bytes.Buffer
	c := exec.Command(testvideo.Tool(t, "ffmpeg"), "-nostdin", "-v", "error", "-i", path, "-map", "0:V:0", "-vsync", "0", "-f", "framemd5", "-")
	c.Stdout, c.Stderr = &out, &said
	if err := c.Run(); err != nil || said.Len() > 0 {
		t.Errorf("ffmpeg complains of %s: %s (%v)", filepath.Base(path), said.Bytes(), err)
	}
	var list []string
	for line := range strings.Lines(out.String()) {
		if line[0] != '#' {
			list = append(list, strings.TrimSpace(line[strings.LastIndex(line, ",")+1:]))
		}
	}
	return list
}

// What is not touched is copied and decodes to the very pixels of the input; what is touched decodes to those of an output
// that was encoded anew as a whole, with groups of the same lengths.
func TestSmart(t *testing.T) {
	const source = "-f lavfi -i testsrc2=s=192x128:r=25:d=2 -f lavfi -i sine=d=2 "
	touched := func(n int64) bool { return n >= 20 && n < 23 || n == 31 }
	paint := func(p *frame.Picture) error {
		if touched(p.Index) {
			for y := range 40 {
				row := p.Planes[0].Data[(30+y)*p.Planes[0].Stride:]
				for x := range 96 {
					row[40+x] = byte(x)
				}
			}
		}
		return nil
	}
	alike := map[string]map[string]string{ // what makes a group's pictures independent of the others
		"h264": {"qp": "10", "g": "12", "keyint_min": "12", "sc_threshold": "0", "bf": "0"}, "hevc": {"x265-params": "lossless=1", "preset": "ultrafast"},
		"mpeg2video": {"g": "1", "bf": "0", "flags": "+qscale", "global_quality": "236"},
	}
	for _, tc := range []struct {
		name, codec, how string
		anew             []int64 // first picture and end of what must be encoded anew
	}{
		{"b.mp4", "h264", "-c:v libx264 -preset veryfast -g 12 -c:a aac", []int64{12, 36}},
		{"low.mkv", "h264", "-c:v libx264 -profile:v baseline -preset veryfast -g 12 -c:a flac", []int64{12, 36}},
		{"late.ts", "h264", "-c:v libx264 -preset veryfast -g 12 -c:a mp2", []int64{12, 36}},
		{"first.mp4", "hevc", "-c:v libx265 -preset ultrafast -x265-params log-level=error:open-gop=0:keyint=12 -tag:v hvc1 -c:a aac", []int64{12, 36}},
		{"second.ts", "hevc", "-c:v libx265 -preset ultrafast -x265-params log-level=error:open-gop=0:keyint=12:bframes=0 -c:a mp2", []int64{12, 36}},
		{"pro.mov", "prores", "-c:v prores_ks -profile:v 2 -c:a pcm_s24le", nil},
		{"pictures.mkv", "mjpeg", "-c:v mjpeg -q:v 3 -pix_fmt yuvj420p -c:a flac", nil},
		{"archive.mkv", "ffv1", "-c:v ffv1 -level 3 -g 1 -slices 4 -slicecrc 1 -c:a flac", nil},
		{"tape.mov", "mpeg2video", "-c:v mpeg2video -g 1 -bf 0 -q:v 3 -c:a pcm_s16le", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			in := testvideo.MakeClip(t, tc.name, testvideo.Clip{Steps: []string{source + tc.how}})
			opts := TranscodeOptions{Options: alike[tc.codec], ConstantRate: true}
			plain, _ := transcode(t, in, filepath.Ext(in), opts, paint)
			var edited []int64
			copied := int64(0)
			opts.Smart = &Smart{Touched: touched, Pictures: 50, Copied: func() { copied++ }}
			out, r := transcode(t, in, filepath.Ext(in), opts, func(p *frame.Picture) error {
				edited = append(edited, p.Index)
				return paint(p)
			})
			var want []int64
			for n := range int64(50) {
				if tc.anew == nil && touched(n) || tc.anew != nil && n >= tc.anew[0] && n < tc.anew[1] {
					want = append(want, n)
				}
			}
			if !slices.Equal(edited, want) || r.Copied != copied || r.Copied != 50-int64(len(want)) || r.Frames != 50 {
				t.Errorf("edited %v, want %v; %d of %d copied", edited, want, r.Copied, r.Frames)
			}
			before, whole, after := pixels(t, in), pixels(t, plain), pixels(t, out)
			if len(before) != 50 || len(whole) != 50 || len(after) != 50 {
				t.Fatalf("%d pictures, plain %d, in parts %d", len(before), len(whole), len(after))
			}
			for n := range after {
				if slices.Contains(want, int64(n)) {
					if after[n] != whole[n] {
						t.Errorf("picture %d is not that of the plain output", n)
					}
				} else if after[n] != before[n] {
					t.Errorf("picture %d was copied, and is not the input's", n)
				}
			}
			a, b := probe(t, in), probe(t, out)
			shift := b.Streams[1].Packets[0].PTS - a.Streams[1].Packets[0].PTS
			if d := a.Streams[1].Difference(&b.Streams[1], shift); d != "" {
				t.Errorf("sound: %s", d)
			}
			x, y := videoPTS(a), videoPTS(b)
			for i := range x {
				if (y[i] - shift - x[i]).Abs() > max(a.Streams[0].Tick, b.Streams[0].Tick) {
					t.Errorf("packet %d is at %v, was at %v", i, y[i]-shift, x[i])
					break
				}
			}
		})
	}
}

// What cannot be taken apart is refused before work, with the reason.
func TestSmartRefuses(t *testing.T) {
	h264 := testvideo.MakeClip(t, "in.mp4", testvideo.Clip{Steps: []string{"-f lavfi -i testsrc2=s=160x120:d=1 -c:v libx264 -preset veryfast"}})
	vp9 := testvideo.MakeClip(t, "in.webm", testvideo.Clip{Steps: []string{"-f lavfi -i testsrc2=s=160x120:d=1 -c:v libvpx-vp9 -deadline realtime"}})
	ffv1 := testvideo.MakeClip(t, "in.mkv", testvideo.Clip{Steps: []string{"-f lavfi -i testsrc2=s=160x120:d=1 -c:v ffv1 -level 3 -g 1 -slices 9"}})
	mpeg2 := testvideo.MakeClip(t, "in.mov", testvideo.Clip{Steps: []string{"-f lavfi -i testsrc2=s=160x120:d=1 -c:v mpeg2video -g 12"}})
	never := func(int64) bool { return false }
	for _, tc := range []struct {
		name, in, out string
		opts          TranscodeOptions
		want          string
	}{
		{"codec", vp9, "o.webm", TranscodeOptions{}, "H.264, HEVC"},
		{"long GOP", mpeg2, "o.mov", TranscodeOptions{}, "needs others"},
		{"filter", h264, "o.mp4", TranscodeOptions{Filter: "hue=s=0"}, "filter chain"},
		{"container", h264, "o.ts", TranscodeOptions{}, "name the output like the input"},
		{"lossless", h264, "o.mp4", TranscodeOptions{Options: map[string]string{"qp": "0"}}, "without loss"},
		{"encoder", h264, "o.mp4", TranscodeOptions{Codec: "libx265"}, "does not write what can stand among"},
		{"header", ffv1, "o.mkv", TranscodeOptions{}, "other settings"},
		{"pictures", h264, "o.mp4", TranscodeOptions{Smart: &Smart{Touched: never, Pictures: 7}}, "7 pictures came of its 25 packets"},
	} {
		if tc.opts.Smart == nil {
			tc.opts.Smart = &Smart{Touched: never}
		}
		out := filepath.Join(t.TempDir(), tc.out)
		err := Check(t.Context(), tc.in, out, tc.opts)
		if !errors.Is(err, ErrSmart) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", tc.name, err)
		}
		onlyFile(t, out)
	}
}

// The proof finds a packet that is not what it should be.
func TestSmartProof(t *testing.T) {
	p := &smartPlan{kind: smartAVC, lengthSize: 4}
	a := joined([][]byte{{0x65, 1, 2, 3}}, 4)
	b := joined([][]byte{{0x65, 1, 2, 4}}, 4)
	if !p.same(a, a, false) || p.same(a, b, false) {
		t.Error("packets with lengths")
	}
	h := &smartPlan{kind: smartHEVC, sets: [][]byte{{hevcVPS << 1, 1}, {hevcSPS << 1, 1}, {hevcPPS << 1, 1}}}
	idr := [][]byte{{hevcIDR << 1, 1, 7}}
	said := joined(append(slices.Clone(h.sets), idr...), 0)
	if !h.same(joined(idr, 0), said, true) || h.same(joined(idr, 0), said, false) {
		t.Error("sets are said again at seams, and there only")
	}
}

// Configuration records are read as they are written, and survive what they must not contain.
func TestAVCConfig(t *testing.T) {
	c := avcConfig{profile: 77, level: 30, lengthSize: 4, sps: [][]byte{{0x67, 77, 0, 30, 0x80}}, pps: [][]byte{{0x68, 0x80}}}
	b := c.with([][]byte{{0x67, 100, 0, 31, 0x08, 0x80}, {0x68, 0x08, 0x80}}, []byte{0xfd, 0xf8, 0xf8, 0})
	got, err := readAVCConfig(b)
	if err != nil || got.profile != 100 || got.level != 31 || len(got.sps) != 2 || len(got.pps) != 2 || got.lengthSize != 4 || len(got.tail) != 4 {
		t.Fatalf("%+v %v", got, err)
	}
	if id, ok := avcID(got.sps[0]); !ok || id != 0 {
		t.Errorf("the first set is number %d", id)
	}
	if id, ok := avcID(got.sps[1]); !ok || id != 16 {
		t.Errorf("0000 1000 1 is number %d", id)
	}
	for n := range b {
		_, _ = readAVCConfig(b[:n]) // must not panic
		_, _, _, _ = readHEVCConfig(b[:n])
		_, _ = units(b[:n], 4)
		_, _ = avcID(append([]byte{0x67, 0, 0, 0}, make([]byte, n)...))
	}
}
