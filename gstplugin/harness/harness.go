// Package harness drives GStreamer elements from tests and benches: single elements through GstHarness, whole lines as a
// host in C. go-gst's own objects release what they hold in finalizers; with none of them in the way a leak is the element's.
//
// C gets Go memory for the length of a call alone, and copies it.
//
// GStreamer must be initialised, and the elements of a line must exist (GstHarness aborts where they do not).
package harness

/*
#cgo pkg-config: gstreamer-1.0 gstreamer-video-1.0 gstreamer-check-1.0
#include <malloc.h>
#include <stdlib.h>
#include "rig.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"
	"unsafe"
)

// Rig is a line of elements with one open end on each side. It is not safe for concurrent use.
type Rig struct{ r *C.Rig }

// Open starts a line, such as "ksamenet uncertified=true".
func Open(line string) *Rig {
	s := C.CString(line)
	defer C.free(unsafe.Pointer(s))
	return &Rig{C.rig_open(s)}
}

// Close stops the line. It is safe to call twice.
func (r *Rig) Close() {
	if r.r != nil {
		C.rig_close(r.r)
		r.r = nil
	}
}

// Caps names the format of what is pushed from now on.
func (r *Rig) Caps(caps string) error {
	s := C.CString(caps)
	defer C.free(unsafe.Pointer(s))
	if C.rig_caps(r.r, s) == 0 {
		return fmt.Errorf("harness: no raw video: %s", caps)
	}
	return nil
}

// Size is the bytes of a picture of the present format whose rows have no padding: plane after plane, row after row.
func (r *Rig) Size() int { return int(C.rig_size(r.r)) }

func (r *Rig) flow(f C.GstFlowReturn) error {
	if f == C.GST_FLOW_OK {
		return nil
	}
	if err := r.Err(); err != nil {
		return err
	}
	return fmt.Errorf("harness: %s", C.GoString(C.gst_flow_get_name(f)))
}

// Push hands over a picture of Size bytes. Its planes lie pad bytes apart in memory, and so do its rows. With shared,
// somebody else holds the buffer as well, so that the element must not write to it (Intact).
func (r *Rig) Push(picture []byte, pad int, pts time.Duration, shared bool) error {
	if len(picture) != r.Size() {
		return fmt.Errorf("harness: %d bytes, want %d", len(picture), r.Size())
	}
	s := C.gboolean(0)
	if shared {
		s = 1
	}
	return r.flow(C.rig_push(r.r, (*C.guint8)(unsafe.SliceData(picture)), C.int(pad), C.guint64(pts), s))
}

// Intact says whether the last buffer that was pushed as shared is as it was.
func (r *Rig) Intact() bool { return C.rig_kept_intact(r.r) != 0 }

// Discard forgets what is on the bus.
func (r *Rig) Discard() {
	for m := C.gst_bus_pop(r.r.bus); m != nil; m = C.gst_bus_pop(r.r.bus) {
		C.gst_mini_object_unref((*C.GstMiniObject)(unsafe.Pointer(m)))
	}
}

// ErrPadding says that bytes between the rows were written to.
var ErrPadding = errors.New("harness: padding was written to")

// Pull takes a picture that has come out; nil if there is none.
func (r *Rig) Pull() (picture []byte, pts time.Duration, err error) {
	picture = make([]byte, r.Size())
	var at C.guint64
	switch C.rig_pull(r.r, (*C.guint8)(unsafe.SliceData(picture)), &at) {
	case 0:
		return nil, 0, nil
	case 2:
		err = ErrPadding
	}
	return picture, time.Duration(at), err
}

// End pushes an EOS event.
func (r *Rig) End() bool { return C.rig_event(r.r, C.gst_event_new_eos()) != 0 }

// Gap pushes a GAP event.
func (r *Rig) Gap(at, length time.Duration) bool {
	return C.rig_event(r.r, C.gst_event_new_gap(C.GstClockTime(at), C.GstClockTime(length))) != 0
}

// Flush pushes FLUSH_START, FLUSH_STOP and a new segment, as a seek does.
func (r *Rig) Flush() { C.rig_flush(r.r) }

// Latency is what the line reports.
func (r *Rig) Latency() time.Duration { return time.Duration(C.rig_latency(r.r)) }

// Err is the first error on the bus that was not asked for yet.
func (r *Rig) Err() error { return text(C.rig_error(r.r)) }

func text(s *C.char) error {
	if s == nil {
		return nil
	}
	defer C.g_free(C.gpointer(unsafe.Pointer(s)))
	return errors.New(C.GoString(s))
}

// Cost is what pushing pictures took: the sums of the pushes' wall and process CPU times, and each push's wall time.
type Cost struct {
	Wall, CPU time.Duration
	Each      []time.Duration
}

// Measure pushes n of the pictures in frames (a multiple of Size bytes), forth and back from picture *at on, and drops what comes
// out. Making the buffers is not counted.
func (r *Rig) Measure(frames []byte, at *int, n int, picture time.Duration) (c Cost, err error) {
	count := len(frames) / r.Size()
	if count == 0 || n <= 0 {
		return c, errors.New("harness: no pictures")
	}
	var wall, cpu C.gint64
	index, each := C.int(*at), make([]C.gint64, n)
	err = r.flow(C.rig_measure(r.r, (*C.guint8)(unsafe.SliceData(frames)), C.int(count), &index, C.int(n), C.guint64(picture), &wall, &cpu, unsafe.SliceData(each)))
	*at = int(index)
	for _, e := range each {
		c.Each = append(c.Each, time.Duration(e))
	}
	c.Wall, c.CPU = time.Duration(wall), time.Duration(cpu)
	return c, err
}

// CPU is the process's CPU time up to now.
func CPU() time.Duration { return time.Duration(C.rig_now(C.CLOCK_PROCESS_CPUTIME_ID)) }

// Play plays a line to its end, cycles times from NULL to PLAYING and back. The error is what the bus says, or that an end did
// not come in time.
func Play(line string, cycles int, timeout time.Duration) error {
	s := C.CString(line)
	defer C.free(unsafe.Pointer(s))
	return text(C.rig_play(s, C.int(cycles), C.guint64(timeout)))
}

// Alive lists the type of each GStreamer object that is alive, a line for each. It needs the process to have been started with
// GST_TRACERS=leaks; ok is false otherwise.
func Alive() (types string, ok bool) {
	s := C.rig_alive()
	if s == nil {
		return "", false
	}
	defer C.g_free(C.gpointer(unsafe.Pointer(s)))
	return C.GoString(s), true
}

// Settle gives back what is free in the heaps of Go and C, so that the process's memory is what it holds. Without it glibc keeps
// the holes that threads and models leave behind, and how many there are is chance.
func Settle() {
	debug.FreeOSMemory()
	debug.FreeOSMemory() // what the first collection finalised, and what pools keep for one more
	C.malloc_trim(0)
}
