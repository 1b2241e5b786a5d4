// Package element is the GStreamer element ksamenet: a video filter that replaces every face in the stream with the
// synthetic surrogate of the person's cluster, and covers every face it cannot replace. It has no pass-through: a picture
// leaves it examined, or the stream stops with an error.
package element

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/go-gst/go-glib/glib"
	"github.com/go-gst/go-gst/gst"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/pipeline"
)

// capsTemplate lists the formats that core/frame describes and the tests run.
const capsTemplate = "video/x-raw, format=(string){ I420, NV12, YV12, Y42B, Y444, I420_10LE, I422_10LE, P010_10LE, RGB, BGR, RGBA, BGRA, RGBx, BGRx }, " +
	"width=(int)[16,32768], height=(int)[16,32768], framerate=(fraction)[0/1,2147483647/1]"

// Properties, in the order of their ids.
const (
	propK = iota
	propDonors
	propRegistry
	propKeyFile
	propModels
	propEngine
	propThreads
	propFallback
	propDetectSide
	propUncertified
	propLibrary
	propHalo
	propNoDisclosureTag
	propAge
	propGender
	propTone
	propExpression
)

var (
	fallbacks = []string{pipeline.FallbackSolid, pipeline.FallbackPixelate}
	moves     = []string{pipeline.ExpressionKeep, pipeline.ExpressionNeutral}

	types struct {
		sync.Once
		fallback, age, gender, tone, expression glib.Type
	}
)

// settings may be changed from any thread; they are copied when the element starts.
type settings struct {
	config   pipeline.Config
	registry string
	keyFile  string
}

// ksamenet is the element's instance.
type ksamenet struct {
	mu  sync.Mutex
	set settings

	open opener

	live live // owned by the streaming thread between start and stop
}

// live is what the element needs of pipeline.Live.
type live interface {
	Process(context.Context, *frame.Picture) (pipeline.LiveCount, error)
	HitRate() float64
	Reset()
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
	return &ksamenet{set: settings{config: pipeline.DefaultConfig()}, open: open}
}

// ClassInit describes the element.
func (*ksamenet) ClassInit(class *glib.ObjectClass) {
	types.Do(func() {
		types.fallback = enumType("KsamenetFallback", fallbacks)
		types.age = enumType("KsamenetAge", pipeline.Ages)
		types.gender = enumType("KsamenetGender", pipeline.Genders)
		types.tone = enumType("KsamenetTone", pipeline.Tones)
		types.expression = enumType("KsamenetExpression", moves)
	})
	d := pipeline.DefaultConfig()
	c := gst.ToElementClass(class)
	c.SetMetadata("k-anonymous face surrogates", "Filter/Effect/Video",
		"Replaces every face with the synthetic surrogate of the person's cluster; covers what it cannot replace", "The ksamenet authors")
	caps := gst.NewCapsFromString(capsTemplate)
	c.AddPadTemplate(gst.NewPadTemplate("sink", gst.PadDirectionSink, gst.PadPresenceAlways, caps))
	c.AddPadTemplate(gst.NewPadTemplate("src", gst.PadDirectionSource, gst.PadPresenceAlways, caps))
	rw := glib.ParameterReadWrite | gst.ParameterMutableReady
	none := ""
	c.InstallProperties([]*glib.ParamSpec{
		propK:               glib.NewUintParam("k", "k", "People per cluster; 1 makes no anonymity-set claim", 1, 100, uint(d.K), rw),
		propDonors:          glib.NewUintParam("donors", "Donors", "Synthetic donor faces mixed into one surrogate", 1, 16, uint(d.Donors), rw),
		propRegistry:        glib.NewStringParam("registry", "Registry", "The registry of people; fixed while the element runs", &none, rw),
		propKeyFile:         glib.NewStringParam("key-file", "Key file", "The registry's key", &none, rw),
		propModels:          glib.NewStringParam("models", "Models", "Folder of the model files; empty: search", &none, rw),
		propEngine:          glib.NewStringParam("engine", "Engine", "What computes the networks: auto, onnxruntime or tensorrt; with options, as tensorrt:rtx:fp16 or onnxruntime:cuda", &d.Engine, rw),
		propThreads:         glib.NewUintParam("threads", "Threads", "CPU threads per network; 0: one per core, at most 4", 0, 64, uint(d.Threads), rw),
		propFallback:        enumParam("fallback", "Fallback", "How a face that cannot be replaced is covered", types.fallback, 0, rw),
		propDetectSide:      glib.NewUintParam("detect-side", "Detector size", "Long side of the detector's picture, px", 320, 1920, uint(d.DetectSide), rw),
		propUncertified:     glib.NewBoolParam("uncertified", "Uncertified", "Run without a registry, or with people it does not know: they all wear one shared surrogate", d.Uncertified, rw),
		propHalo:            glib.NewBoolParam("halo", "Halo", "A soft bright rim tells viewers that a face is synthetic", d.Halo, rw),
		propNoDisclosureTag: glib.NewBoolParam("no-disclosure-tag", "No disclosure tag", "Do not send the tag that says that the faces are synthetic", d.NoDisclosureTag, rw),
		propLibrary:         glib.NewStringParam("ort-lib", "ONNX Runtime", "ONNX Runtime's library; empty: search", &none, rw),
		propAge:             enumParam("age", "Age", "Donors that surrogates are mixed of", types.age, 0, rw),
		propGender:          enumParam("gender", "Gender", "Donors that surrogates are mixed of", types.gender, 0, rw),
		propTone:            enumParam("tone", "Tone", "Donors that surrogates are mixed of", types.tone, 0, rw),
		propExpression:      enumParam("expression", "Expression", "Whether surrogates move their faces as the people do", types.expression, 0, rw),
	})
}

// enum is a property with a few named values.
type enum struct {
	id    uint
	kind  glib.Type
	nicks []string
	value *string
}

func (s *settings) enums() []enum {
	c := &s.config
	return []enum{
		{propFallback, types.fallback, fallbacks, &c.Fallback},
		{propAge, types.age, pipeline.Ages, &c.Age}, {propGender, types.gender, pipeline.Genders, &c.Gender},
		{propTone, types.tone, pipeline.Tones, &c.Tone}, {propExpression, types.expression, moves, &c.Expression},
	}
}

// SetProperty is called from any thread.
func (k *ksamenet) SetProperty(_ *glib.Object, id uint, v *glib.Value) {
	g, err := v.GoValue()
	if err != nil {
		return // GObject has checked the type: only a value of a foreign type gets here
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	c := &k.set.config
	switch x := g.(type) {
	case uint:
		*map[uint]*int{propK: &c.K, propDonors: &c.Donors, propThreads: &c.Threads, propDetectSide: &c.DetectSide}[id] = int(x)
	case string:
		*map[uint]*string{propRegistry: &k.set.registry, propKeyFile: &k.set.keyFile, propModels: &c.ModelsDir, propEngine: &c.Engine, propLibrary: &c.Library}[id] = x
	case bool:
		*map[uint]*bool{propUncertified: &c.Uncertified, propHalo: &c.Halo, propNoDisclosureTag: &c.NoDisclosureTag}[id] = x
	case int: // enums
		for _, e := range k.set.enums() {
			if e.id == id {
				*e.value = e.nicks[x]
			}
		}
	}
}

// GetProperty is called from any thread.
func (k *ksamenet) GetProperty(_ *glib.Object, id uint) *glib.Value {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := &k.set.config
	for _, e := range k.set.enums() {
		if e.id == id {
			return enumValue(e.kind, e.nicks, *e.value)
		}
	}
	v, err := glib.GValue(map[uint]any{
		propK: uint(c.K), propDonors: uint(c.Donors), propRegistry: k.set.registry, propKeyFile: k.set.keyFile, propModels: c.ModelsDir, propEngine: c.Engine,
		propThreads: uint(c.Threads), propDetectSide: uint(c.DetectSide), propUncertified: c.Uncertified, propLibrary: c.Library,
		propHalo: c.Halo, propNoDisclosureTag: c.NoDisclosureTag,
	}[id])
	if err != nil {
		return nil
	}
	return v
}

func enumValue(t glib.Type, nicks []string, s string) *glib.Value {
	v, err := glib.ValueInit(t)
	if err != nil {
		return nil
	}
	for i, n := range nicks {
		if n == s {
			v.SetEnum(i)
		}
	}
	return v
}

// start loads registry, models and engine when the element goes from READY to PAUSED.
func (k *ksamenet) start(h handle) (err error) {
	k.mu.Lock()
	set := k.set
	k.mu.Unlock()
	set.config.Tool, set.config.Log = "ksamenet element", h.logger()
	if set.config.NoDisclosureTag {
		h.disclose("")
	} else {
		h.disclose(pipeline.DisclosureTag)
	}
	k.live, err = k.open(context.Background(), set)
	return err
}

func (k *ksamenet) stop(handle) error {
	if k.live == nil {
		return nil
	}
	l := k.live
	k.live = nil
	return l.Close()
}

// reset forgets all tracks: new caps, or a seek.
func (k *ksamenet) reset(handle) error {
	if k.live != nil {
		k.live.Reset()
	}
	return nil
}

// picture replaces and covers the faces of one mapped picture in place.
func (k *ksamenet) picture(h handle, pic *frame.Picture) error {
	if k.live == nil {
		return errors.New("element: picture before start")
	}
	n, err := k.live.Process(context.Background(), pic)
	if err != nil || n.Faces == 0 {
		return err
	}
	s := gst.NewStructure("ksamenet-faces")
	for _, v := range []struct {
		name  string
		value any
	}{{"pts", uint64(pic.PTS)}, {"faces", n.Faces}, {"replaced", n.Replaced}, {"covered", n.Covered}, {"cache-hit-rate", k.live.HitRate()}} {
		if err := s.SetValue(v.name, v.value); err != nil {
			s.Free()
			return fmt.Errorf("element: message: %w", err)
		}
	}
	h.post(s)
	return nil
}
