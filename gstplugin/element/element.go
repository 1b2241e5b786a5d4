// Package element is the GStreamer element ksamenet: a video filter that replaces every face in the stream with the
// synthetic surrogate of the person's cluster, and covers every face it cannot replace. It has no pass-through: a picture
// leaves it examined, or hidden as a whole, or not at all.
package element

import (
	"context"
	"sync"

	"github.com/go-gst/go-glib/glib"
	"github.com/go-gst/go-gst/gst"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/core/report"
)

// capsTemplate lists the formats that core/frame describes and the tests run.
const capsTemplate = "video/x-raw, format=(string){ I420, NV12, YV12, Y42B, Y444, I420_10LE, I422_10LE, P010_10LE, RGB, BGR, RGBA, BGRA, RGBx, BGRx }, " +
	"width=(int)[16,32768], height=(int)[16,32768], framerate=(fraction)[0/1,2147483647/1]"

// ksamenet is the element's instance.
type ksamenet struct {
	mu      sync.Mutex
	set     settings // may be changed from any thread
	changed bool     // since the streaming thread looked
	running bool     // between start and stop
	books   counts

	open opener
	state
}

// live is what the element needs of pipeline.Live.
type live interface {
	Examine(context.Context, *frame.Picture, ...frame.Rect) error
	Paint(context.Context, *frame.Picture) (pipeline.LiveCount, error)
	Faces() []pipeline.LiveFace
	Missed() []pipeline.LiveMiss
	Adjust(pipeline.Config) error
	Engine() infer.Info
	HitRate() float64
	Report(pipeline.Lost) *report.Report
	Reset()
	Resume() error
	Close() error
}

// opener loads what a stream needs; a test puts its own in the place of open.
type opener func(context.Context, settings) (live, error)

// Register makes the element known: to a plugin, or statically to this process when p is nil (Go hosts use that: two Go
// runtimes in one process do not share a type system).
func Register(p *gst.Plugin) bool {
	return gst.RegisterElement(p, "ksamenet", gst.RankNone, &ksamenet{}, extendsVideoFilter{})
}

// New makes an instance with the default settings.
func (*ksamenet) New() glib.GoObjectSubclass {
	return &ksamenet{set: defaultSettings(), open: open}
}

// ClassInit describes the element.
func (*ksamenet) ClassInit(class *glib.ObjectClass) {
	c := gst.ToElementClass(class)
	c.SetMetadata("k-anonymous face surrogates", "Filter/Effect/Video",
		"Replaces every face with the synthetic surrogate of the person's cluster; covers what it cannot replace", "The ksamenet authors")
	caps := gst.NewCapsFromString(capsTemplate)
	c.AddPadTemplate(gst.NewPadTemplate("sink", gst.PadDirectionSink, gst.PadPresenceAlways, caps))
	c.AddPadTemplate(gst.NewPadTemplate("src", gst.PadDirectionSource, gst.PadPresenceAlways, caps))
	c.InstallProperties(paramSpecs())
}
