package avplane

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/asticode/go-astiav"
	"github.com/ksamenet/ksamenet/core/frame"
)

// TestObjectLayout proves what object relies on: go-astiav's objects start with their C pointer.
func TestObjectLayout(t *testing.T) {
	f := astiav.AllocFormatContext()
	defer f.Free()
	f.SetFlags(astiav.NewFormatContextFlags(astiav.FormatContextFlagBitexact))
	if got := int(format(f).flags); got != int(f.Flags()) || got == 0 {
		t.Errorf("format context: flags %#x, want %#x", got, int(f.Flags()))
	}
	s := f.NewStream(nil)
	s.SetID(4711)
	if got := int(stream(s).id); got != 4711 {
		t.Errorf("stream: id %d, want 4711", got)
	}
	p := s.CodecParameters()
	p.SetWidth(321)
	if got := int(params(p).width); got != 321 {
		t.Errorf("codec parameters: width %d, want 321", got)
	}
	c := astiav.AllocCodecContext(astiav.FindEncoderByName("ffv1"))
	defer c.Free()
	c.SetWidth(123)
	if got := int(codec(c).width); got != 123 {
		t.Errorf("codec context: width %d, want 123", got)
	}
	for _, o := range []any{astiav.FormatContext{}, astiav.Stream{}, astiav.CodecParameters{}, astiav.CodecContext{}} {
		if k := reflect.TypeOf(o).Field(0).Type.Kind(); k != reflect.Pointer {
			t.Errorf("%T starts with a %v", o, k)
		}
	}
}

func TestLayout(t *testing.T) {
	for _, c := range []struct {
		name string
		want *frame.Layout
	}{
		{"yuv420p", frame.I420}, {"yuv422p", frame.Y42B}, {"yuv444p", frame.Y444}, {"yuvj420p", frame.I420}, {"nv12", frame.NV12},
		{"p010le", frame.P010}, {"rgb24", frame.RGB24}, {"rgba", frame.RGBA}, {"gray", frame.Gray8},
		{"yuv420p10le", frame.Planar("", 10, 1, 1)}, {"yuv422p12le", frame.Planar("", 12, 1, 0)}, {"yuv410p", frame.Planar("", 8, 2, 2)},
		{"gbrp", &frame.Layout{RGB: true, Components: []frame.Component{{Plane: 2, Step: 1, Depth: 8}, {Plane: 0, Step: 1, Depth: 8}, {Plane: 1, Step: 1, Depth: 8}}}},
		{"uyvy422", &frame.Layout{Components: []frame.Component{{Offset: 1, Step: 2, Depth: 8}, {Offset: 0, Step: 4, Depth: 8, SubX: 1}, {Offset: 2, Step: 4, Depth: 8, SubX: 1}}}},
		{"ya8", &frame.Layout{Alpha: true, Components: []frame.Component{{Step: 2, Depth: 8}, {Offset: 1, Step: 2, Depth: 8}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Layout(astiav.FindPixelFormatByName(c.name))
			if err != nil {
				t.Fatal(err)
			}
			if got.Name != c.name || got.RGB != c.want.RGB || got.Alpha != c.want.Alpha || !reflect.DeepEqual(got.Components, c.want.Components) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
	for _, name := range []string{"pal8", "monow", "yuv420p10be", "gbrpf32le", "gray16be", "rgb565le", "x2rgb10le", "bayer_bggr8", "xyz12le", "vaapi", "cuda", "rgb4", "uyyvyy411"} {
		if l, err := Layout(astiav.FindPixelFormatByName(name)); !errors.Is(err, frame.ErrLayout) {
			t.Errorf("%s: %+v, %v; want frame.ErrLayout", name, l, err)
		}
	}
}

func newFrame(t testing.TB, f astiav.PixelFormat, w, h int) *astiav.Frame {
	t.Helper()
	a := astiav.AllocFrame()
	t.Cleanup(a.Free)
	a.SetWidth(w)
	a.SetHeight(h)
	a.SetPixelFormat(f)
	if err := a.AllocBuffer(0); err != nil {
		t.Fatal(err)
	}
	return a
}

// TestEveryFormat writes another value to each sample of an odd-sized picture, in every pixel format that has a layout,
// and reads all of them back: components do not overlap, and lie inside the planes.
func TestEveryFormat(t *testing.T) {
	n := 0
	for f := astiav.PixelFormat(0); f < 300; f++ {
		if f.Name() == "" {
			continue
		}
		l, err := Layout(f)
		if err != nil {
			continue
		}
		n++
		var p frame.Picture
		if err := Map(newFrame(t, f, 33, 17), true, &p); err != nil {
			t.Errorf("%s: %v", l.Name, err)
			continue
		}
		for _, write := range []bool{true, false} {
			k := 0
			for i, c := range l.Components {
				w, h := p.Size(i)
				pl := p.Planes[c.Plane]
				for y := range h {
					for x := range w {
						at := pl.Data[y*pl.Stride+c.Offset+x*c.Step:]
						k++
						v := (k * 7919 % (1 << c.Depth)) << c.Shift
						if write {
							at[0] = byte(v)
							if c.Bytes() == 2 {
								at[1] = byte(v >> 8)
							}
						} else if at[0] != byte(v) || (c.Bytes() == 2 && at[1] != byte(v>>8)) {
							t.Fatalf("%s component %d (%d,%d) was overwritten", l.Name, i, x, y)
						}
					}
				}
			}
		}
	}
	if n < 60 {
		t.Errorf("%d pixel formats have a layout, want at least 60", n)
	}
}

// TestMapWritable: a frame that somebody else refers to is copied before it is written to; read-only it is not copied.
func TestMapWritable(t *testing.T) {
	a := newFrame(t, astiav.PixelFormatYuv420P, 64, 48)
	var p, q frame.Picture
	if err := Map(a, true, &p); err != nil {
		t.Fatal(err)
	}
	p.Planes[0].Data[5] = 17
	b := a.Clone()
	defer b.Free()
	if err := Map(b, false, &q); err != nil {
		t.Fatal(err)
	}
	if &q.Planes[0].Data[0] != &p.Planes[0].Data[0] {
		t.Error("mapping to read copied the frame")
	}
	if err := Map(b, true, &q); err != nil {
		t.Fatal(err)
	}
	q.Planes[0].Data[5] = 99
	if p.Planes[0].Data[5] != 17 {
		t.Error("a shared frame was written to")
	}
	if n := testing.AllocsPerRun(100, func() { _ = Map(b, true, &q) }); n != 0 {
		t.Errorf("Map allocates %v times a picture, want 0", n)
	}
}

func TestColourGuess(t *testing.T) {
	yuv, err := Layout(astiav.PixelFormatYuv420P)
	if err != nil {
		t.Fatal(err)
	}
	const bt709, bt470bg, smpte170m, bt2020nc, ycgco, pri2020, unknown = 1, 5, 6, 9, 8, 9, 2 // H.273 numbers
	for _, c := range []struct {
		matrix, primaries, height int
		want                      frame.Matrix
	}{
		{bt709, unknown, 240, frame.BT709}, {bt470bg, unknown, 1080, frame.BT601}, {smpte170m, unknown, 1080, frame.BT601},
		{bt2020nc, unknown, 240, frame.BT2020}, {unknown, unknown, 576, frame.BT601}, {unknown, unknown, 719, frame.BT601},
		{unknown, unknown, 720, frame.BT709}, {unknown, pri2020, 2160, frame.BT2020},
	} {
		t.Run(fmt.Sprint(c.matrix, c.primaries, c.height), func(t *testing.T) {
			if got, err := matrixOf(yuv, FrameInfo{Matrix: c.matrix, Primaries: c.primaries}, c.height); err != nil || got != c.want {
				t.Errorf("matrix %v, %v; want %v", got, err, c.want)
			}
		})
	}
	if _, err := matrixOf(yuv, FrameInfo{Matrix: ycgco}, 1080); !errors.Is(err, frame.ErrLayout) {
		t.Errorf("YCgCo: %v, want frame.ErrLayout", err)
	}
	for name, want := range map[string]bool{"yuv420p": false, "yuvj420p": true, "gray": true, "rgb24": true} {
		if got := fullRange(layoutOf(astiav.FindPixelFormatByName(name)), FrameInfo{}); got != want {
			t.Errorf("%s without a range: full %v, want %v", name, got, want)
		}
	}
	f := newFrame(t, astiav.PixelFormatYuv420P, 16, 16)
	f.SetColorRange(astiav.ColorRangeJpeg)
	var p frame.Picture
	if err := Map(f, false, &p); err != nil || !p.FullRange {
		t.Errorf("a frame marked full range: %v, %v", p.FullRange, err)
	}
}
