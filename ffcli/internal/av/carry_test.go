package av

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/internal/testvideo"
)

// TestCarriedOver compares, by ffprobe, what must survive a transcode besides pictures and packets.
func TestCarriedOver(t *testing.T) {
	streamFields := "stream=codec_name,profile,pix_fmt,width,height,sample_aspect_ratio,display_aspect_ratio,field_order,color_range,color_space,color_transfer,color_primaries,chroma_location,avg_frame_rate,start_time,duration_ts,time_base:stream_disposition:stream_tags=language,title,handler_name,timecode,creation_time,filename,mimetype"
	for _, c := range []struct {
		clip string
		but  []string // lines that may differ: they hold one of these
	}{
		{"h264.mp4", nil},
		{"prores.mov", []string{"TimeCodeHandler", "VideoHandler"}}, // the name of the timecode track
		// The input says it in the frames only; the output in the container too.
		{"hdr.mkv", []string{"SIDE_DATA", "side_data_type", "_x=", "_y=", "_luminance=", "max_content", "max_average"}},
		{"interlaced.mp4", nil},
		{"rotated.mp4", nil},
		{"ass.mkv", nil},
		{"vfr.mp4", []string{"avg_frame_rate", "duration_ts"}}, // of the last frame, whose duration nothing tells
		{"dnxhd.mxf", []string{"duration_ts"}},
	} {
		t.Run(c.clip, func(t *testing.T) {
			in := testvideo.Make(t, c.clip)
			d, _ := decode(t, in)
			out, _ := transcode(t, in, filepath.Ext(c.clip), TranscodeOptions{ConstantRate: d.ConstantRate}, noEdit)
			for _, what := range [][]string{
				{"-show_entries", streamFields},
				{"-show_chapters"},
				{"-show_entries", "format_tags=title,artist,timecode,creation_time"},
				{"-select_streams", "V", "-show_entries", "stream_side_data"},
				{"-select_streams", "V", "-show_entries", "frame=interlaced_frame,top_field_first,color_range,color_space,color_primaries,color_transfer,chroma_location"},
				{"-select_streams", "V", "-read_intervals", "%+#1", "-show_entries", "frame_side_data=max_content,max_average,red_x,green_x,white_point_x,min_luminance,max_luminance"},
			} {
				a, b := lines(t, in, what, c.but), lines(t, out, what, c.but)
				if !slices.Equal(a, b) {
					t.Errorf("%v:\n%s", what, difference(a, b))
				}
			}
		})
	}
}

func lines(t *testing.T, path string, what, but []string) []string {
	t.Helper()
	return slices.DeleteFunc(testvideo.Probe(t, append(what, path)...), func(l string) bool {
		return slices.ContainsFunc(but, func(s string) bool { return strings.Contains(l, s) }) || strings.Contains(l, "H.26[45] User Data")
	})
}

func difference(a, b []string) string {
	var s strings.Builder
	for i := range max(len(a), len(b)) {
		var x, y string
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			s.WriteString("  " + x + "  →  " + y + "\n")
		}
	}
	return s.String()
}

// TestHDR10 checks that the first frame and the container both tell the mastering display and the light levels.
func TestHDR10(t *testing.T) {
	out, _ := transcode(t, testvideo.Make(t, "hdr.mkv"), ".mkv", TranscodeOptions{}, noEdit)
	for _, what := range []string{"frame_side_data", "stream_side_data"} {
		got := testvideo.Probe(t, "-select_streams", "V", "-read_intervals", "%+#1", "-show_entries", what, out)
		for _, want := range []string{"max_content=1000", "max_average=400", "red_x=34000/50000", "max_luminance=10000000/10000"} {
			key, value, _ := strings.Cut(want, "=")
			if !slices.ContainsFunc(got, func(l string) bool { k, v, _ := strings.Cut(l, "="); return k == key && ratio(t, v) == ratio(t, value) }) {
				t.Errorf("%s lacks %s: %v", what, want, got)
			}
		}
	}
}

// ratio is the value of "a" or "a/b".
func ratio(t *testing.T, s string) float64 {
	t.Helper()
	a, b, ok := strings.Cut(s, "/")
	if !ok {
		b = "1"
	}
	x, err := strconv.ParseFloat(a, 64)
	if err != nil {
		t.Fatal(err)
	}
	y, err := strconv.ParseFloat(b, 64)
	if err != nil {
		t.Fatal(err)
	}
	return x / y
}

// TestProResProfile: the same flavour, and the same rate within a quarter.
func TestProResProfile(t *testing.T) {
	in := testvideo.Make(t, "prores.mov")
	out, _ := transcode(t, in, ".mov", TranscodeOptions{}, noEdit)
	a, b := probe(t, in), probe(t, out)
	if a.Info.Profile != "Standard" || b.Info.Profile != a.Info.Profile {
		t.Errorf("profile %q, want that of the input, %q", b.Info.Profile, a.Info.Profile)
	}
}

// TestAttachmentsAndCovers: a font is carried over byte by byte, a cover is not.
func TestAttachmentsAndCovers(t *testing.T) {
	out, _ := transcode(t, testvideo.Make(t, "ass.mkv"), ".mkv", TranscodeOptions{}, noEdit)
	dir := t.TempDir()
	testvideo.FFmpeg(t, dir, "-dump_attachment:t:0", "font.ttf", "-i", out, "-map", "0:a", "-f", "null", "-")
	if got := read(t, filepath.Join(dir, "font.ttf")); got != "not a font, but bytes" {
		t.Errorf("the attachment reads %q", got)
	}
	out, r := transcode(t, testvideo.Make(t, "cover.mp4"), ".mp4", TranscodeOptions{}, noEdit)
	if p := probe(t, out); len(p.Streams) != 2 || len(r.Dropped) != 1 || !r.Dropped[0].AttachedPicture {
		t.Errorf("%d streams, dropped %v; want the cover dropped", len(p.Streams), r.Dropped)
	}
}

// TestMetadata: a tag of ours joins those of the input.
func TestMetadata(t *testing.T) {
	out, _ := transcode(t, testvideo.Make(t, "h264.mp4"), ".mp4", TranscodeOptions{Metadata: map[string]string{"comment": "faces replaced"}}, noEdit)
	got := testvideo.Probe(t, "-show_entries", "format_tags=title,artist,comment", "-of", "csv=p=0", out)
	if want := "A title,Someone,faces replaced"; got[0] != want {
		t.Errorf("tags %q, want %q", got[0], want)
	}
	for range 2 { // again and again: added to what is there, once
		out, _ = transcode(t, out, ".mp4", TranscodeOptions{Metadata: map[string]string{"comment": "indeed"}}, noEdit)
		got = testvideo.Probe(t, "-show_entries", "format_tags=comment", "-of", "csv=p=0", out)
		if want := "faces replaced; indeed"; got[0] != want {
			t.Errorf("comment %q, want %q", got[0], want)
		}
	}
}
