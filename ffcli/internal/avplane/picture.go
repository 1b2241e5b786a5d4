package avplane

// #cgo noescape ksn_frame_planes
// #cgo nocallback ksn_frame_planes
// #cgo noescape ksn_pixel_layout
// #cgo nocallback ksn_pixel_layout
// #include "avplane.h"
import "C"

import (
	"fmt"
	"sync"
	"unsafe"

	"github.com/asticode/go-astiav"
	"github.com/ksamenet/ksamenet/core/frame"
)

type layoutEntry struct {
	layout *frame.Layout
	full   bool
	err    error
}

var layouts sync.Map // astiav.PixelFormat → *layoutEntry: a layout is made once, so that it may be compared by pointer

// Layout describes a pixel format of FFmpeg by its components. It returns frame.ErrLayout for what has no samples of
// 8 to 16 bits at a byte address of their own: hardware surfaces, palettes, bit streams, floats, Bayer, XYZ, big-endian,
// and formats that pack samples into shared words (rgb565, x2rgb10).
func Layout(f astiav.PixelFormat) (*frame.Layout, error) {
	e := layoutOf(f)
	return e.layout, e.err
}

func layoutOf(f astiav.PixelFormat) *layoutEntry {
	if e, ok := layouts.Load(f); ok {
		return e.(*layoutEntry)
	}
	e := newLayout(f)
	got, _ := layouts.LoadOrStore(f, e)
	return got.(*layoutEntry)
}

func newLayout(f astiav.PixelFormat) *layoutEntry {
	var c C.ksn_layout
	if C.ksn_pixel_layout(C.int(f), &c) < 0 {
		return &layoutEntry{err: fmt.Errorf("%w: %s", frame.ErrLayout, f.Name())}
	}
	l := &frame.Layout{Name: f.Name(), RGB: c.rgb != 0, Alpha: c.alpha != 0}
	for _, k := range c.c[:c.components] {
		l.Components = append(l.Components, frame.Component{
			Plane: int(k.plane), Offset: int(k.offset), Step: int(k.step), Shift: int(k.shift), Depth: int(k.depth),
			SubX: uint(k.sub_x), SubY: uint(k.sub_y),
		})
	}
	if n := l.Colors(); n != 1 && n != 3 {
		return &layoutEntry{err: fmt.Errorf("%w: %s has %d colour components", frame.ErrLayout, f.Name(), n)}
	}
	for _, c := range l.Components {
		if c.Depth < 8 || c.Depth+c.Shift > 16 {
			return &layoutEntry{err: fmt.Errorf("%w: %s has %d-bit samples at bit %d", frame.ErrLayout, f.Name(), c.Depth, c.Shift)}
		}
	}
	if sharesBytes(l) {
		return &layoutEntry{err: fmt.Errorf("%w: %s packs samples into shared words", frame.ErrLayout, f.Name())}
	}
	return &layoutEntry{layout: l, full: c.full_range != 0}
}

// sharesBytes says that a write to one sample of a row would change another: packed words, and 4:1:1 packings that a
// fixed step cannot describe (uyyvyy411).
func sharesBytes(l *frame.Layout) bool {
	const width = 16 // pixels; every packing repeats after at most 8
	taken := map[[2]int]bool{}
	for _, c := range l.Components {
		for x := range width >> c.SubX {
			for b := range c.Bytes() {
				at := [2]int{c.Plane, x*c.Step + c.Offset + b}
				if taken[at] {
					return true
				}
				taken[at] = true
			}
		}
	}
	return false
}

// Map lends the planes of f to pic without copying and fills everything but Index and PTS: size, layout, matrix, range,
// fields. With writable set the frame is first made writable: FFmpeg copies it when its decoder still refers to it.
// Only a writable picture may be written to. pic is valid until f is freed, unreferenced or sent on; its Planes slice is
// reused. It returns frame.ErrLayout, or FFmpeg's error when memory is short.
func Map(f *astiav.Frame, writable bool, pic *frame.Picture) error {
	e := layoutOf(f.PixelFormat())
	if e.err != nil {
		return e.err
	}
	w := C.int(0)
	if writable {
		w = 1
	}
	var p C.ksn_planes
	if err := averror(C.ksn_frame_planes(avframe(f), w, &p)); err != nil {
		return fmt.Errorf("avplane: planes of a frame: %w", err)
	}
	pic.W, pic.H, pic.Layout = f.Width(), f.Height(), e.layout
	info := Describe(f)
	matrix, err := matrixOf(e.layout, info, pic.H)
	if err != nil {
		return err
	}
	pic.Matrix, pic.FullRange, pic.Fields = matrix, fullRange(e, info), info.Fields()
	pic.Planes = pic.Planes[:0]
	for i, c := range e.layout.Components {
		for len(pic.Planes) <= c.Plane {
			pic.Planes = append(pic.Planes, frame.Plane{})
		}
		pl := &pic.Planes[c.Plane]
		cw, ch := pic.Size(i)
		stride := int(p.stride[c.Plane])
		n := stride*(ch-1) + c.Offset + (cw-1)*c.Step + c.Bytes()
		if n <= len(pl.Data) {
			continue
		}
		// Sound: FFmpeg's buffers hold every sample that the pixel format places in them, and f outlives pic (above).
		pl.Data = unsafe.Slice((*byte)(p.data[c.Plane]), n)
		pl.Stride, pl.W, pl.H = stride, max(pl.W, cw), max(pl.H, ch)
	}
	return pic.Validate()
}

// The values that FFmpeg shares with ITU-T H.273 (AVColorSpace, AVColorPrimaries, AVColorRange).
const (
	matrixUnspecified = C.AVCOL_SPC_UNSPECIFIED
	rangeUnspecified  = C.AVCOL_RANGE_UNSPECIFIED
	rangeFull         = C.AVCOL_RANGE_JPEG
)

// matrixOf says how a picture's Y'CbCr is to be read. A stream that does not say is taken as players take it: BT.2020 by
// its primaries, else BT.601 below 720 lines and BT.709 from there.
func matrixOf(l *frame.Layout, i FrameInfo, height int) (frame.Matrix, error) {
	if l.RGB || l.Colors() == 1 {
		return frame.BT709, nil
	}
	switch i.Matrix {
	case C.AVCOL_SPC_BT709, C.AVCOL_SPC_SMPTE240M:
		return frame.BT709, nil // SMPTE 240M differs from it by less than 1 % of a coefficient
	case C.AVCOL_SPC_FCC, C.AVCOL_SPC_BT470BG, C.AVCOL_SPC_SMPTE170M:
		return frame.BT601, nil
	case C.AVCOL_SPC_BT2020_NCL, C.AVCOL_SPC_BT2020_CL:
		return frame.BT2020, nil
	case matrixUnspecified, C.AVCOL_SPC_RESERVED:
		switch {
		case i.Primaries == C.AVCOL_PRI_BT2020:
			return frame.BT2020, nil
		case height < 720:
			return frame.BT601, nil
		}
		return frame.BT709, nil
	}
	return 0, fmt.Errorf("%w: %s with colour matrix %d of H.273", frame.ErrLayout, l.Name, i.Matrix)
}

// fullRange says whether samples span the whole word. Grey that does not say is full range, as swscale takes it.
func fullRange(e *layoutEntry, i FrameInfo) bool {
	if e.full || i.FullRange() {
		return true
	}
	return e.layout.Colors() == 1 && i.Range == rangeUnspecified
}
