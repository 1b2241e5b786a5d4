package element

import (
	"slices"
	"sync"

	"github.com/go-gst/go-glib/glib"
	"github.com/go-gst/go-gst/gst"

	"github.com/ksamenet/ksamenet/core/pipeline"
)

// Properties, in the order of their ids, which is the order of gst-inspect.
const (
	propK = iota
	propDonors
	propRegistry
	propKeyFile
	propUncertified
	propPreset
	propLookahead
	propDetectInterval
	propDetail
	propDetectSide
	propMaxFaces
	propMinFaceSize
	propOnError
	propFallback
	propHalo
	propNoDisclosureTag
	propAge
	propGender
	propTone
	propExpression
	propRoiMeta
	propReport
	propStats
	propEngine
	propThreads
	propModels
	propLibrary
)

// What happens to a picture that could not be examined.
const (
	onErrorStop  = "error" // the stream stops
	onErrorCover = "cover" // it is shown without any of its content
	onErrorDrop  = "drop"  // it is not shown
)

var (
	fallbacks = []string{pipeline.FallbackBlend, pipeline.FallbackSolid, pipeline.FallbackPixelate}
	moves     = []string{pipeline.ExpressionKeep, pipeline.ExpressionNeutral}
	details   = []string{detailByPreset, pipeline.DetailFull, pipeline.DetailFast}
	presets   = []string{pipeline.PresetLive, pipeline.PresetFile}
	onErrors  = []string{onErrorStop, onErrorCover, onErrorDrop}

	types struct {
		sync.Once
		fallback, age, gender, tone, expression, preset, detail, onError glib.Type
	}
)

// What the preset decides when nothing is said: a number, and the detail.
const (
	byPreset       = -1
	detailByPreset = "preset"
)

// settings are what the properties say. They are copied when the element starts; some may change while it runs.
type settings struct {
	config    pipeline.Config
	registry  string
	keyFile   string
	preset    string
	lookahead int // byPreset or Config.Lookahead
	interval  int // byPreset or Config.DetectInterval
	detail    string
	onError   string
	roiMeta   bool
	report    string
}

func defaultSettings() settings {
	return settings{config: pipeline.DefaultConfig(), preset: pipeline.PresetLive, lookahead: byPreset, interval: byPreset, detail: detailByPreset, onError: onErrorStop}
}

// effective is the Config that the settings amount to.
func (s settings) effective() pipeline.Config {
	c := s.config
	c.UseLivePreset(s.preset)
	if s.lookahead != byPreset {
		c.Lookahead = s.lookahead
	}
	if s.interval != byPreset && s.interval != 0 {
		c.DetectInterval = s.interval
	}
	if s.detail != detailByPreset {
		c.Detail = s.detail
	}
	return c
}

func paramSpecs() []*glib.ParamSpec {
	types.Do(func() {
		types.fallback = enumType("KsamenetFallback", fallbacks, "Opaque, in the colours of what is beside it", "Opaque, dark grey", "Coarse mosaic, hides less")
		types.age = enumType("KsamenetAge", pipeline.Ages)
		types.gender = enumType("KsamenetGender", pipeline.Genders)
		types.tone = enumType("KsamenetTone", pipeline.Tones)
		types.expression = enumType("KsamenetExpression", moves, "Surrogates move as the people do", "Surrogates turn their heads and move nothing else")
		types.preset = enumType("KsamenetPreset", presets, "Latency of 12 pictures", "Nothing hurries")
		types.detail = enumType("KsamenetDetail", details, "As the preset has it", "As many texels as the picture shows", "Fewer texels for all but large faces, a third of the work")
		types.onError = enumType("KsamenetOnError", onErrors, "The stream stops", "The picture is covered as a whole", "The picture is dropped")
	})
	d := pipeline.DefaultConfig()
	rw := glib.ParameterReadWrite | gst.ParameterMutableReady
	always := glib.ParameterReadWrite | gst.ParameterMutablePlaying
	none := ""
	return []*glib.ParamSpec{
		propK:               glib.NewUintParam("k", "k", "People per cluster; 1 makes no anonymity-set claim", 1, 100, uint(d.K), rw),
		propDonors:          glib.NewUintParam("donors", "Donors", "Synthetic donor faces mixed into one surrogate", 1, 16, uint(d.Donors), rw),
		propRegistry:        glib.NewStringParam("registry", "Registry", "The registry of people; fixed while the element runs", &none, rw),
		propKeyFile:         glib.NewStringParam("key-file", "Key file", "The registry's key", &none, rw),
		propUncertified:     glib.NewBoolParam("uncertified", "Uncertified", "Run without a registry, or with people it does not know: they all wear one shared surrogate", d.Uncertified, rw),
		propPreset:          enumParam("preset", "Preset", "What lookahead, detect-interval and detail are if they are not set: live (12, 3, fast) or file (25, 1, full, and no picture is dropped for being late)", types.preset, 0, rw),
		propLookahead:       glib.NewIntParam("lookahead", "Look-ahead", "Pictures held back, which is the element's latency: what they tell of a face holds for the earlier ones too; -1: by preset", byPreset, pipeline.MaxLookahead, byPreset, always),
		propDetectInterval:  glib.NewIntParam("detect-interval", "Detection interval", "The detector looks at every n-th picture at least; landmarks follow faces in between; -1 or 0: by preset", byPreset, 10, byPreset, always),
		propDetail:          enumParam("detail", "Detail", "Texels of surrogates: as many as the picture shows, or fewer for all but large faces, which is a third of the work", types.detail, 0, rw),
		propDetectSide:      glib.NewUintParam("detect-side", "Detector size", "Long side of the detector's picture, px", 320, 1920, uint(d.DetectSide), rw),
		propMaxFaces:        glib.NewUintParam("max-faces", "Most faces", "Faces replaced in one picture, the others are covered; 0: all", 0, 1000, uint(d.MaxFaces), always),
		propMinFaceSize:     glib.NewUintParam("min-face-size", "Least face", "Faces less high than this are covered, px; 0: none", 0, 32768, uint(d.MinFaceSize), always),
		propOnError:         enumParam("on-error", "On error", "What happens to a picture that could not be examined: the stream stops, the picture is covered as a whole, or dropped", types.onError, 0, always),
		propFallback:        enumParam("fallback", "Fallback", "How a face that cannot be replaced is covered", types.fallback, 0, always),
		propHalo:            glib.NewBoolParam("halo", "Halo", "A soft bright rim tells viewers that a face is synthetic", d.Halo, always),
		propNoDisclosureTag: glib.NewBoolParam("no-disclosure-tag", "No disclosure tag", "Do not send the tag that says that the faces are synthetic", d.NoDisclosureTag, rw),
		propAge:             enumParam("age", "Age", "Donors that surrogates are mixed of", types.age, 0, rw),
		propGender:          enumParam("gender", "Gender", "Donors that surrogates are mixed of", types.gender, 0, rw),
		propTone:            enumParam("tone", "Tone", "Donors that surrogates are mixed of", types.tone, 0, rw),
		propExpression:      enumParam("expression", "Expression", "Whether surrogates move their faces as the people do", types.expression, 0, rw),
		propRoiMeta:         glib.NewBoolParam("roi-meta", "Region metadata", "Attach GstVideoRegionOfInterestMeta to pictures for each face, and cover regions that came with them", false, always),
		propReport:          glib.NewStringParam("report", "Report", "JSON file that is written at the end of the stream and when the element stops; empty: none", &none, rw),
		propStats:           glib.NewBoxedParam("stats", "Statistics", "Counts since the element started", structureType(), glib.ParameterReadable),
		propEngine:          glib.NewStringParam("engine", "Engine", "What computes the networks: auto, onnxruntime or tensorrt; with options, as tensorrt:rtx:fp16 or onnxruntime:cuda", &d.Engine, rw),
		propThreads:         glib.NewUintParam("threads", "Threads", "CPU threads per network; 0: one per core, at most 4", 0, 64, uint(d.Threads), rw),
		propModels:          glib.NewStringParam("models", "Models", "Folder of the model files; empty: search", &none, rw),
		propLibrary:         glib.NewStringParam("ort-lib", "ONNX Runtime", "ONNX Runtime's library; empty: search", &none, rw),
	}
}

// enum is a property with a few named values.
type enum struct {
	kind  glib.Type
	nicks []string
	value *string
}

// field is where a property's value lies: *int, *uint (an int that is not negative), *string, *bool or enum.
func (s *settings) field(id uint) any {
	c := &s.config
	switch id {
	case propK:
		return unsigned{&c.K}
	case propDonors:
		return unsigned{&c.Donors}
	case propThreads:
		return unsigned{&c.Threads}
	case propDetectSide:
		return unsigned{&c.DetectSide}
	case propMaxFaces:
		return unsigned{&c.MaxFaces}
	case propMinFaceSize:
		return unsigned{&c.MinFaceSize}
	case propLookahead:
		return &s.lookahead
	case propDetectInterval:
		return &s.interval
	case propRegistry:
		return &s.registry
	case propKeyFile:
		return &s.keyFile
	case propModels:
		return &c.ModelsDir
	case propEngine:
		return &c.Engine
	case propLibrary:
		return &c.Library
	case propReport:
		return &s.report
	case propUncertified:
		return &c.Uncertified
	case propHalo:
		return &c.Halo
	case propNoDisclosureTag:
		return &c.NoDisclosureTag
	case propRoiMeta:
		return &s.roiMeta
	case propFallback:
		return enum{types.fallback, fallbacks, &c.Fallback}
	case propAge:
		return enum{types.age, pipeline.Ages, &c.Age}
	case propGender:
		return enum{types.gender, pipeline.Genders, &c.Gender}
	case propTone:
		return enum{types.tone, pipeline.Tones, &c.Tone}
	case propExpression:
		return enum{types.expression, moves, &c.Expression}
	case propDetail:
		return enum{types.detail, details, &s.detail}
	case propPreset:
		return enum{types.preset, presets, &s.preset}
	case propOnError:
		return enum{types.onError, onErrors, &s.onError}
	}
	return nil
}

// unsigned is a number that GObject holds as a guint.
type unsigned struct{ *int }

// SetProperty is called from any thread.
func (k *ksamenet) SetProperty(o *glib.Object, id uint, v *glib.Value) {
	g, err := v.GoValue()
	if err != nil {
		return // GObject has checked the type: only a value of a foreign type gets here
	}
	k.mu.Lock()
	switch f := k.set.field(id).(type) {
	case unsigned:
		*f.int = int(g.(uint))
	case *int:
		*f = g.(int)
	case *string:
		*f, _ = g.(string) // NULL is the empty string
	case *bool:
		*f = g.(bool)
	case enum:
		*f.value = f.nicks[g.(int)]
	}
	k.changed = true
	running, ahead := k.running, k.set.effective().Lookahead
	k.mu.Unlock()
	if running && id == propLookahead {
		handle{p: o.Unsafe()}.lookAhead(ahead) // it posts a message: not under the lock
	}
}

// GetProperty is called from any thread.
func (k *ksamenet) GetProperty(o *glib.Object, id uint) *glib.Value {
	if id == propStats {
		return k.statsValue(handle{p: o.Unsafe()})
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	var g any
	switch f := k.set.field(id).(type) {
	case unsigned:
		g = uint(*f.int)
	case *int:
		g = *f
	case *string:
		g = *f
	case *bool:
		g = *f
	case enum:
		v, err := glib.ValueInit(f.kind)
		if err != nil {
			return nil
		}
		v.SetEnum(slices.Index(f.nicks, *f.value))
		return v
	}
	v, err := glib.GValue(g)
	if err != nil {
		return nil
	}
	return v
}
