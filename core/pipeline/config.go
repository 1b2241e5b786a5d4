// Package pipeline joins the stages: Analyze looks at a whole video and decides, Render obeys the decisions, Live does
// both in one pass. Both hosts call it; for equal decisions they give equal pixels.
package pipeline

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/ksamenet/ksamenet/core/compositor"
	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/core/ksame"
)

// Config is every setting of a run. The CLI's flags and the element's properties are made from it (internal/docstest
// compares them). No field may change while a run is under way, but for those that Live.Adjust names. Fields marked live mean
// nothing to a file.
type Config struct {
	K               int     `json:"k"`                 // people per cluster, 1..100; 1 means surrogates without an anonymity-set claim
	Donors          int     `json:"donors"`            // proxies mixed into one surrogate (k_p), 1..16
	Mode            string  `json:"mode"`              // who shares a surrogate: same (a whole cluster) or distinct (nobody; dealt anew for each file)
	Rekey           bool    `json:"rekey"`             // deal every cluster on screen a surrogate that it never wore
	Uncertified     bool    `json:"uncertified"`       // render though fewer than K people are known; the report says NOT CERTIFIED
	Fallback        string  `json:"fallback"`          // how a face that cannot be rendered is covered: blend, solid, pixelate
	Keep            []int64 `json:"keep"`              // registry persons that stay clear
	Cover           []int64 `json:"cover"`             // registry persons that are covered rather than replaced
	Halo            bool    `json:"halo"`              // a soft bright rim tells viewers that a face is synthetic
	NoDisclosureTag bool    `json:"no_disclosure_tag"` // do not write into the metadata that faces were synthesised
	DetectSide      int     `json:"detect_side"`       // long side of the detector's picture, px, 320..1920
	Extend          int     `json:"extend"`            // frames that a track is carried on before and after it was seen, 0..100
	Lookahead       int     `json:"lookahead"`         // live: pictures held back, 0..100: what they tell of a face holds for the earlier ones too
	DetectInterval  int     `json:"detect_interval"`   // live: the detector looks at every n-th picture at least, 1..10; landmarks follow faces in between
	Detail          string  `json:"detail"`            // live: full, or fast, which gives faces up to fastReach px across a surrogate of fewer texels
	MaxFaces        int     `json:"max_faces"`         // live: faces replaced in one picture, the others are covered; 0: all
	MinFaceSize     int     `json:"min_face_size"`     // live: faces less high than this are covered, px; 0: none
	Engine          string  `json:"engine"`            // auto, onnxruntime, tensorrt, with options (docs/tensorrt.md)
	Library         string  `json:"-"`                 // explicit path of the engine's library
	ModelsDir       string  `json:"-"`                 // explicit folder of the model files
	Threads         int     `json:"threads"`           // CPU threads per network; 0: one per core, at most 4
	Age             string  `json:"age"`               // donors that clusters may draw: any, young, middle, old
	Gender          string  `json:"gender"`            // likewise: any, female, male
	Tone            string  `json:"tone"`              // likewise: any, light, tan, dark
	Expression      string  `json:"expression"`        // keep: the surrogate moves its face as the person does; neutral: it only turns

	Tool string       `json:"-"` // name and version for documents
	Log  *slog.Logger `json:"-"` // nil discards
}

// DisclosureTag is what the hosts write into the output's metadata.
const DisclosureTag = "The faces in this video are synthetic: replaced by ksamenet (IPTC digital source type compositeSynthetic)"

// Ways of covering.
const (
	FallbackBlend    = "blend"
	FallbackSolid    = "solid"
	FallbackPixelate = "pixelate"
)

// Modes: all members of a cluster wear one surrogate, or each one of their own, dealt by a secret permutation per file.
const (
	ModeSame     = "same"
	ModeDistinct = ksame.DistinctMode
)

// coverStyles are the covers by the name of their Fallback.
var coverStyles = map[string]compositor.Style{FallbackBlend: compositor.Blend, FallbackSolid: compositor.Solid, FallbackPixelate: compositor.Pixelate}

// Ways of rendering surrogates in a stream.
const (
	DetailFull = "full" // as many texels as the picture shows
	DetailFast = "fast" // the small generator for all but large faces: a third of the work, softer features; mouths open as their mixture does
)

// DefaultConfig is what a run uses when nothing is said.
func DefaultConfig() Config {
	return Config{K: 5, Donors: 4, Mode: ModeSame, Age: Any, Gender: Any, Tone: Any, Expression: ExpressionKeep, Fallback: FallbackBlend, DetectSide: 640, Extend: 12, DetectInterval: 1, Detail: DetailFull, Engine: "auto", Tool: "ksamenet"}
}

// MaxLookahead bounds Config.Lookahead: four seconds at 25 pictures a second.
const MaxLookahead = 100

// ErrConfig says that a setting is out of range: a usage error.
var ErrConfig = errors.New("bad setting")

// Validate returns all faults at once.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, a ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrConfig}, a...)...))
		}
	}
	check(c.K >= 1 && c.K <= 100, "k is %d; 1 to 100", c.K)
	check(c.Donors >= 1 && c.Donors <= 16, "donors is %d; 1 to 16", c.Donors)
	if fault := c.checkPool(); fault != "" {
		check(false, "%s", fault)
	}
	check(c.Mode == ModeSame || c.Mode == ModeDistinct, "mode is %q; same or distinct", c.Mode)
	check(c.Mode == ModeSame || !c.Uncertified && c.K > 1, "mode distinct needs a certificate: no uncertified, and k of 2 or more")
	_, known := coverStyles[c.Fallback]
	check(known, "fallback is %q; blend, solid or pixelate", c.Fallback)
	check(c.DetectSide >= 320 && c.DetectSide <= 1920, "detect-side is %d; 320 to 1920", c.DetectSide)
	check(c.Extend >= 0 && c.Extend <= 100, "extend is %d; 0 to 100", c.Extend)
	check(c.Lookahead >= 0 && c.Lookahead <= MaxLookahead, "lookahead is %d; 0 to %d", c.Lookahead, MaxLookahead)
	check(c.DetectInterval >= 1 && c.DetectInterval <= followMax, "detect-interval is %d; 1 to %d", c.DetectInterval, followMax)
	check(c.Detail == DetailFull || c.Detail == DetailFast, "detail is %q; full or fast", c.Detail)
	check(c.MaxFaces >= 0, "max-faces is %d; 0 or more", c.MaxFaces)
	check(c.MinFaceSize >= 0, "min-face-size is %d; 0 or more", c.MinFaceSize)
	if err := infer.CheckBackend(c.Engine); err != nil {
		errs = append(errs, fmt.Errorf("%w: %w", ErrConfig, err))
	}
	check(c.Threads >= 0 && c.Threads <= 64, "threads is %d; 0 to 64", c.Threads)
	for _, k := range c.Keep {
		for _, v := range c.Cover {
			check(k != v, "person %d is to be kept and covered", k)
		}
	}
	return errors.Join(errs...)
}

func (c Config) inferOptions() infer.Options {
	return infer.Options{Backend: c.Engine, Library: c.Library, Threads: c.Threads, Log: c.Log}
}

func (c Config) log() *slog.Logger {
	if c.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Log
}
