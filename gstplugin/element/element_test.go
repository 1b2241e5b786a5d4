package element

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-gst/go-gst/gst"

	"github.com/ksamenet/ksamenet/core/compositor"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/core/registry"
	"github.com/ksamenet/ksamenet/internal/require"
	"github.com/ksamenet/ksamenet/models"
)

var formats = []string{"I420", "NV12", "YV12", "Y42B", "Y444", "I420_10LE", "I422_10LE", "P010_10LE", "RGB", "BGR", "RGBA", "BGRA", "RGBx", "BGRx"}

var sizes = [][2]int{{64, 48}, {321, 241}, {17, 16}}

func source(format string, w, h, n int, pattern string) string {
	return fmt.Sprintf("videotestsrc num-buffers=%d pattern=%s ! video/x-raw,format=%s,width=%d,height=%d,framerate=25/1", n, pattern, format, w, h)
}

// What the element lends is the picture: every sample is where the layout says, in every format, at odd sizes too.
func TestPicturesAreLentRight(t *testing.T) {
	need(t, "videotestsrc", "fakesink")
	for _, format := range formats {
		for _, size := range sizes {
			t.Run(fmt.Sprintf("%s %dx%d", format, size[0], size[1]), func(t *testing.T) {
				f := &fake{do: func(pic *frame.Picture) (pipeline.LiveCount, error) { return pipeline.LiveCount{}, checkFlat(pic) }}
				line := source(format, size[0], size[1], 2, "solid-color foreground-color=0xff4080c0")
				if stopped, _ := play(t, line+" ! "+f.stage(t)+" ! fakesink"); stopped != "" {
					t.Fatal(stopped)
				}
				if _, _, _, n := f.counts(); n != 2 || f.sizes[0] != fmt.Sprintf("%s %dx%d", format, size[0], size[1]) {
					t.Errorf("%d pictures, %v", n, f.sizes)
				}
			})
		}
	}
}

// checkFlat says whether all samples of each component are those of the colour 0x4080c0.
func checkFlat(pic *frame.Picture) error {
	r, g, b := 0x40/255., 0x80/255., 0xc0/255.
	want := [3]float64{r, g, b}
	if !pic.Layout.RGB {
		k := map[frame.Matrix][2]float64{frame.BT601: {.299, .114}, frame.BT709: {.2126, .0722}}[pic.Matrix]
		y := k[0]*r + (1-k[0]-k[1])*g + k[1]*b
		want = [3]float64{(16 + 219*y) / 255, (128 + 224*(b-y)/(2-2*k[1])) / 255, (128 + 224*(r-y)/(2-2*k[0])) / 255}
	}
	for i := range pic.Layout.Colors() {
		c := pic.Layout.Components[i]
		w, h := pic.Size(i)
		for y := range h {
			for x := range w {
				at := y*pic.Planes[c.Plane].Stride + c.Offset + x*c.Step
				v := int(pic.Planes[c.Plane].Data[at])
				if c.Bytes() == 2 {
					v |= int(pic.Planes[c.Plane].Data[at+1]) << 8
				}
				v >>= c.Shift
				if got := float64(v) / float64(int(255)<<(c.Depth-8)); got < want[i]-.02 || got > want[i]+.02 {
					return fmt.Errorf("%s component %d at %d,%d is %.3f, want %.3f", pic.Layout.Name, i, x, y, got, want[i])
				}
			}
		}
	}
	return nil
}

// What is painted arrives, and nothing else changes.
func TestPaintArrives(t *testing.T) {
	need(t, "videotestsrc", "videoconvert", "filesink")
	for _, format := range formats {
		t.Run(format, func(t *testing.T) {
			const w, h = 161, 121
			src, rgb := source(format, w, h, 1, "white"), " ! videoconvert ! video/x-raw,format=RGB"
			stride := (3*w + 3) &^ 3
			shoot := func(line string) ([]byte, string) {
				b, stopped := record(t, line)
				for y := 0; (y+1)*stride <= len(b); y++ {
					clear(b[y*stride+3*w : (y+1)*stride]) // nobody writes the end of a row
				}
				return b, stopped
			}
			before, _ := shoot(src + rgb)
			idle, stopped := shoot(src + " ! " + (&fake{}).stage(t) + rgb)
			if stopped != "" || !bytes.Equal(before, idle) {
				t.Fatalf("a picture without faces was changed, or %q", stopped)
			}
			box := frame.Rect{X0: 40, Y0: 30, X1: 80, Y1: 70}
			f := &fake{do: func(pic *frame.Picture) (pipeline.LiveCount, error) {
				_, err := compositor.Cover(pic, box, compositor.Solid)
				return pipeline.LiveCount{Faces: 1, Covered: 1}, err
			}}
			after, stopped := shoot(src + " ! " + f.stage(t) + rgb)
			if stopped != "" || len(after) != len(before) {
				t.Fatalf("%d bytes, want %d; %s", len(after), len(before), stopped)
			}
			far := box.Grow(.5, .5)
			for y := range h {
				for x := range w {
					at := y*stride + 3*x
					p, q := frame.Point{X: float64(x) + .5, Y: float64(y) + .5}, after[at]
					switch {
					case p.X > box.X0 && p.X < box.X1 && p.Y > box.Y0 && p.Y < box.Y1:
						if q > 100 {
							t.Fatalf("%d,%d is %d in the covered box", x, y, q)
						}
					case p.X < far.X0 || p.X > far.X1 || p.Y < far.Y0 || p.Y > far.Y1:
						if q != before[at] {
							t.Fatalf("%d,%d is %d, was %d, far from the cover", x, y, q, before[at])
						}
					}
				}
			}
		})
	}
}

func TestEndOfStreamAndMessages(t *testing.T) {
	need(t, "videotestsrc", "fakesink")
	f := &fake{do: func(pic *frame.Picture) (pipeline.LiveCount, error) {
		return pipeline.LiveCount{Faces: 3, Replaced: 2, Covered: 1}, nil
	}, faces: []pipeline.LiveFace{{Track: 7, Box: frame.Rect{X0: -3, Y0: 5, X1: 20, Y1: 60}, Why: "no landmarks"}, {Track: 8, Box: frame.Rect{X0: 30, Y0: 5, X1: 40, Y1: 15}, Replaced: true}}}
	stopped, told := play(t, source("I420", 64, 48, 5, "smpte")+" ! "+f.stage(t)+" ! fakesink")
	opened, closed, _, painted := f.counts()
	if stopped != "" || opened != 1 || closed != 1 || painted != 5 {
		t.Fatalf("%q, opened %d, closed %d, %d pictures", stopped, opened, closed, painted)
	}
	// Two faces, told once since nothing changes, and the statistics at the end.
	for i, want := range [][]string{
		{"ksamenet-face", "pts=(guint64)0", "track=(int)7", "action=(string)covered", "no\\ landmarks", "x=(int)0", "y=(int)5", "width=(int)20", "height=(int)43"},
		{"ksamenet-face", "track=(int)8", "action=(string)replaced"},
		{"ksamenet-stats", "pictures=(guint64)5", "faces=(guint64)15", "replaced=(guint64)10", "covered=(guint64)5", "dropped=(guint64)0", "latency=(guint64)480000000"},
	} {
		for _, w := range want {
			if i >= len(told) || !strings.Contains(told[i], w) {
				t.Fatalf("message %d lacks %s: %q", i, w, told)
			}
		}
	}
	if len(told) != 3 {
		t.Errorf("%d messages: %q", len(told), told)
	}
}

func TestFormatChangesInTheStream(t *testing.T) {
	need(t, "videotestsrc", "concat", "fakesink")
	f := &fake{}
	stopped, _ := play(t, "concat name=c ! "+f.stage(t)+" ! fakesink "+source("I420", 320, 240, 5, "smpte")+" ! c. "+source("RGBA", 65, 49, 5, "smpte")+" ! c.")
	_, _, resets, painted := f.counts()
	if stopped != "" || painted != 10 || resets < 2 || fmt.Sprint(f.sizes) != "[I420 320x240 RGBA 65x49]" {
		t.Errorf("%q, %d pictures, %d resets, %v", stopped, painted, resets, f.sizes)
	}
}

func TestSeekStorm(t *testing.T) {
	need(t, "videotestsrc", "fakesink")
	f := &fake{}
	p := parse(t, source("I420", 64, 48, 100000, "smpte")+" ! "+f.stage(t)+" ! fakesink sync=false")
	if err := p.SetState(gst.StatePlaying); err != nil {
		t.Fatal(err)
	}
	for i := range 150 {
		p.GetState(gst.StatePlaying, gst.ClockTime(5*time.Second))
		if !p.SeekTime(time.Duration(i*37%1000)*time.Second, gst.SeekFlagFlush) {
			t.Fatalf("seek %d was refused", i)
		}
	}
	if m := p.GetPipelineBus().PopFiltered(gst.MessageError); m != nil {
		t.Fatal(m.ParseError().Error())
	}
	if _, _, resets, _ := f.counts(); resets < 150 {
		t.Errorf("%d resets after 150 seeks", resets)
	}
}

func TestStartAndStopOften(t *testing.T) {
	need(t, "videotestsrc", "fakesink")
	f := &fake{}
	p := parse(t, source("I420", 64, 48, 3, "smpte")+" ! "+f.stage(t)+" ! fakesink")
	for i := range 50 {
		if err := p.SetState(gst.StatePlaying); err != nil {
			t.Fatal(i, err)
		}
		if stopped, _ := wait(t, p); stopped != "" {
			t.Fatal(i, stopped)
		}
		if err := p.SetState(gst.StateNull); err != nil {
			t.Fatal(i, err)
		}
	}
	if opened, closed, _, painted := f.counts(); opened != 50 || closed != 50 || painted != 150 {
		t.Errorf("opened %d, closed %d, %d pictures", opened, closed, painted)
	}
}

// I7: whatever goes wrong, the stream stops, and no picture that was not examined leaves the element.
func TestFailsClosed(t *testing.T) {
	need(t, "videotestsrc", "fakesrc", "filesink")
	const picture = 64 * 48 * 3 / 2
	n := 0
	third := func(then func() error) func(*frame.Picture) (pipeline.LiveCount, error) {
		n = 0
		return func(*frame.Picture) (pipeline.LiveCount, error) {
			if n++; n == 3 {
				return pipeline.LiveCount{}, then()
			}
			return pipeline.LiveCount{}, nil
		}
	}
	for _, tc := range []struct {
		name, source string
		fake         *fake
		want         string
		pictures     int
	}{
		{"engine error", "", &fake{do: third(func() error { return errors.New("device lost\nhint: buy another") })}, "device lost; hint: buy another", 2},
		{"panic", "", &fake{do: third(func() error { var p *frame.Picture; p.W = 1; return nil })}, "internal error: runtime error", 2},
		{"cannot start", "", &fake{openErr: errors.New("no models\nhint: make deps")}, "no models; hint: make deps", 0},
		{"panic while stopping", "", &fake{onClose: func() { panic("twice") }}, "", 5},
		{"memory too small", "fakesrc num-buffers=1 sizetype=fixed sizemax=100 format=time ! video/x-raw,format=I420,width=64,height=48,framerate=25/1", &fake{}, "cannot be examined", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n = 0
			if tc.source == "" {
				tc.source = source("I420", 64, 48, 5, "smpte")
			}
			got, stopped := record(t, tc.source+" ! "+tc.fake.stage(t))
			if (tc.want == "") != (stopped == "") || !strings.Contains(stopped, tc.want) {
				t.Errorf("stopped with %q, want %q", stopped, tc.want)
			}
			if len(got) != tc.pictures*picture {
				t.Errorf("%d bytes left the element, want %d pictures", len(got), tc.pictures)
			}
			// The process and the element go on.
			if stopped, _ := play(t, source("I420", 64, 48, 2, "smpte")+" ! "+(&fake{}).stage(t)+" ! fakesink"); stopped != "" {
				t.Errorf("afterwards: %s", stopped)
			}
		})
	}
}

func TestStartSaysWhatToDo(t *testing.T) {
	need(t, "videotestsrc", "fakesink")
	nowhere := filepath.Join(t.TempDir(), "people.db")
	for _, tc := range []struct{ props, want string }{
		{"", "uncertified=true"},
		{"registry=" + nowhere + " key-file=" + nowhere + ".key", "ksamenet registry init"},
		{"uncertified=true models=" + nowhere + " engine=onnxruntime ort-lib=" + nowhere, nowhere},
		{"uncertified=true engine=tensorrt:12", "tensorrt:rtx"},
	} {
		if stopped, _ := play(t, source("I420", 64, 48, 2, "smpte")+" ! ksamenet "+tc.props+" ! fakesink"); !strings.Contains(stopped, tc.want) {
			t.Errorf("%q stopped with %q, want %q", tc.props, stopped, tc.want)
		}
	}
}

// What the element cannot start without is an error, whatever on-error says of pictures, and nothing leaves.
func TestNothingLeavesWithoutAStart(t *testing.T) {
	need(t, "videotestsrc", "filesink")
	db, key := fivePeople(t)
	writer, err := registry.Open(db, key, registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := writer.Close(); err != nil {
			t.Error(err)
		}
	}()
	nowhere := t.TempDir()
	for _, on := range onErrors {
		for _, tc := range []struct{ props, want string }{
			{"uncertified=true models=" + nowhere, nowhere},
			{"k=5 registry=" + db + " key-file=" + key, "hint: wait until it ends"},
		} {
			got, stopped := record(t, source("I420", 64, 48, 5, "smpte")+" ! ksamenet on-error="+on+" "+tc.props)
			if len(got) != 0 || !strings.Contains(stopped, tc.want) {
				t.Errorf("on-error=%s %s: %d bytes left, stopped with %q, want %q", on, tc.props, len(got), stopped, tc.want)
			}
		}
	}
}

func TestPropertiesArrive(t *testing.T) {
	need(t, "videotestsrc", "fakesink")
	f := &fake{}
	report := filepath.Join(t.TempDir(), "report.json")
	line := f.stage(t) + " preset=file detail=fast lookahead=3 detect-interval=2 max-faces=9 min-face-size=24 on-error=drop roi-meta=true report=" + report + " k=7 donors=3 registry=/r key-file=/k engine=tensorrt:rtx:fp16 threads=2 fallback=pixelate detect-side=800 uncertified=true ort-lib=/o halo=true no-disclosure-tag=true age=old gender=female tone=any expression=neutral"
	if stopped, _ := play(t, source("I420", 64, 48, 1, "smpte")+" ! "+line+" ! fakesink"); stopped != "" {
		t.Fatal(stopped)
	}
	got := f.set
	got.config.Log, got.config.Tool = nil, ""
	want := defaultSettings()
	want.registry, want.keyFile, want.preset, want.lookahead, want.interval, want.detail, want.config.Detail = "/r", "/k", "file", 3, 2, "fast", "fast"
	want.onError, want.roiMeta, want.report = "drop", true, report
	want.config.MaxFaces, want.config.MinFaceSize, want.config.Lookahead, want.config.DetectInterval = 9, 24, 3, 2
	want.config.Tool, want.config.ModelsDir = "", got.config.ModelsDir
	want.config.K, want.config.Donors, want.config.Engine, want.config.Threads = 7, 3, "tensorrt:rtx:fp16", 2
	want.config.Fallback, want.config.DetectSide, want.config.Uncertified, want.config.Library = "pixelate", 800, true, "/o"
	want.config.Halo, want.config.NoDisclosureTag = true, true
	want.config.Age, want.config.Gender, want.config.Expression = "old", "female", "neutral"
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	e, err := gst.NewElement("ksamenet")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"k": uint(5), "donors": uint(4), "threads": uint(0), "detect-side": uint(640), "uncertified": false, "registry": "", "engine": "auto", "lookahead": -1, "max-faces": uint(0), "report": "", "roi-meta": false} {
		if v, err := e.GetProperty(name); err != nil || v != want {
			t.Errorf("%s is %v by default (%v), want %v", name, v, err, want)
		}
	}
}

// TestDisclosureTag: a tag event of the element's own tells of the synthetic faces, unless it is not wanted; tags from upstream pass.
func TestDisclosureTag(t *testing.T) {
	need(t, "videotestsrc", "taginject", "fakesink")
	tags := func(props string) (all string) {
		p := parse(t, source("I420", 64, 48, 3, "smpte")+" ! taginject tags=\"title=A\" ! "+(&fake{}).stage(t)+props+" ! fakesink")
		_ = p.SetState(gst.StatePlaying)
		for range 100 {
			m := p.GetPipelineBus().TimedPopFiltered(gst.ClockTime(time.Second), gst.MessageEOS|gst.MessageError|gst.MessageTag)
			if m == nil {
				continue
			}
			if m.Type() != gst.MessageTag {
				return all
			}
			all += m.ParseTags().String()
		}
		t.Fatal("no end")
		return ""
	}
	if got := tags(""); !strings.Contains(got, "ksamenet\\[en\\]\\=") && !strings.Contains(got, "synthetic") || !strings.Contains(got, "title") {
		t.Errorf("tags %s", got)
	}
	if got := tags(" no-disclosure-tag=true"); strings.Contains(got, "synthetic") || !strings.Contains(got, "title") {
		t.Errorf("tags %s without the disclosure", got)
	}
}

// sampleLine plays the first pictures of the sample of synthetic people; it skips without the networks.
func sampleLine(t *testing.T, pictures int) string {
	t.Helper()
	need(t, "filesrc", "decodebin", "videoconvert", "qtdemux", "avdec_h264", "fakesink")
	for _, m := range []string{"centerface", "facemesh", "appearance", "sface", models.ByRole("generator")[0].Name} {
		if _, _, err := models.DefaultStore("").Load(m); err != nil {
			require.Missing(t, "models", err.Error())
		}
	}
	return fmt.Sprintf("filesrc location=../../examples/sample/sample.mp4 ! decodebin ! videoconvert ! identity eos-after=%d", pictures)
}

// The whole chain with the installed networks: covered at first sight, replaced when the track is confirmed; with a look-ahead,
// replaced from the first picture on.
func TestSample(t *testing.T) {
	for ahead, first := range map[int]string{0: "covered", 5: "replaced"} {
		stopped, told := play(t, fmt.Sprintf("%s ! ksamenet qos=false uncertified=true lookahead=%d ! fakesink", sampleLine(t, 10), ahead))
		if stopped != "" {
			t.Fatal(stopped)
		}
		all := strings.Join(told, "\n")
		if len(told) < 2 || !strings.Contains(told[0], "action=(string)"+first) || !strings.Contains(all, "action=(string)replaced") || strings.Contains(all, "uncovered=(guint64)0") == false {
			t.Errorf("looking %d pictures ahead: want the first face %s, and some replaced:\n%s", ahead, first, all)
		}
	}
}

// fivePeople is a registry of five people that was never used.
func fivePeople(t *testing.T) (db, key string) {
	t.Helper()
	dir := t.TempDir()
	db, key = filepath.Join(dir, "people.db"), filepath.Join(dir, "people.key")
	reg, err := registry.Init(db, key, registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		v := make([]float32, 128)
		v[i] = 1
		if _, err := reg.Enrol(context.Background(), registry.Candidate{Embedding: v, Quality: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := reg.Close(); err != nil {
		t.Fatal(err)
	}
	return db, key
}

// A registry of enrolled people that was never used is made ready at the first start, and read at the next ones. Nobody in
// the sample is enrolled: every face stays covered.
func TestRegistryIsPreparedOnce(t *testing.T) {
	sample := sampleLine(t, 6)
	db, key := fivePeople(t)
	rows := func() int {
		r, err := registry.Open(db, key, registry.Options{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		return len(r.Ledger())
	}
	before := rows()
	props := " registry=" + db + " key-file=" + key
	if stopped, _ := play(t, sample+" ! ksamenet k=6"+props+" ! fakesink"); !strings.Contains(stopped, "5 distinct people, 6 needed") || !strings.Contains(stopped, "enrol more people") {
		t.Errorf("too few people: stopped with %q", stopped)
	}
	if rows() != before {
		t.Error("a refused start changed the registry")
	}
	var ready int
	for range 2 {
		stopped, faces := play(t, sample+" ! ksamenet qos=false k=5"+props+" ! fakesink")
		if stopped != "" || len(faces) == 0 {
			t.Fatalf("%q, %d messages", stopped, len(faces))
		}
		for _, m := range faces {
			if strings.Contains(m, "action=(string)replaced") {
				t.Errorf("a stranger was replaced: %s", m)
			}
		}
		if ready == 0 {
			ready = rows()
		}
	}
	if ready == before || rows() != ready {
		t.Errorf("%d rows in the ledger, then %d, then %d; want the first start alone to add some", before, ready, rows())
	}
}
