package element

// #include "vf.h"
import "C"

import (
	"fmt"
	"time"
	"unsafe"

	"github.com/ksamenet/ksamenet/core/frame"
)

// noPTS is GST_CLOCK_TIME_NONE.
const noPTS = ^uint64(0)

// borrow describes a mapped GstVideoFrame as a Picture. The slices are sound while the frame is mapped, that is until
// the callback returns: each covers exactly the bytes from the plane's first to its last sample.
func borrow(v *C.VfPicture) (*frame.Picture, error) {
	name := C.GoString(v.name)
	if v.usable == 0 || v.components > 4 || v.planes > 4 {
		return nil, fmt.Errorf("%w: %s", frame.ErrLayout, name)
	}
	l := &frame.Layout{Name: name, RGB: v.rgb != 0, Alpha: v.alpha != 0}
	for c := range int(v.components) {
		comp := frame.Component{
			Plane: int(v.plane[c]), Offset: int(v.offset[c]), Step: int(v.step[c]), Shift: int(v.shift[c]), Depth: int(v.depth[c]),
			SubX: uint(v.sub_x[c]), SubY: uint(v.sub_y[c]),
		}
		if comp.Bytes() == 2 && comp.Offset%2 == 1 {
			comp.Offset *= 2 // GStreamer 1.22 counts P010's offsets in samples, against its own documentation
		}
		l.Components = append(l.Components, comp)
	}
	pic := &frame.Picture{W: int(v.width), H: int(v.height), Layout: l, Matrix: frame.Matrix(v.matrix), FullRange: v.full_range != 0, Fields: frame.FieldOrder(v.fields)}
	if uint64(v.pts) != noPTS {
		pic.PTS = time.Duration(v.pts)
	}
	for i := range int(v.planes) {
		if v.size[i] <= 0 || v.stride[i] <= 0 {
			return nil, fmt.Errorf("%w: %s plane %d has stride %d", frame.ErrLayout, name, i, v.stride[i])
		}
		pic.Planes = append(pic.Planes, frame.Plane{Data: unsafe.Slice((*byte)(v.data[i]), int(v.size[i])), Stride: int(v.stride[i])})
	}
	return pic, pic.Validate()
}
