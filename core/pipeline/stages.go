package pipeline

import (
	"context"
	"errors"

	"github.com/ksamenet/ksamenet/core/detector"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/core/landmark"
	"github.com/ksamenet/ksamenet/core/recognizer"
	"github.com/ksamenet/ksamenet/core/registry"
	"github.com/ksamenet/ksamenet/core/report"
	"github.com/ksamenet/ksamenet/models"
)

// The networks of the pipeline, by their names in package models.
const (
	modelDetector   = "centerface"
	modelLandmark   = "facemesh"
	modelAppearance = "appearance"
	modelRecognizer = "sface"
	modelGenerator  = "generator"
	modelSmall      = "generator-small"
)

// Stages are the networks of pass 1. They belong to one goroutine at a time.
type Stages struct {
	Detector   faceDetector // one look, as a stream has time for
	Edges      faceDetector // looks beyond the picture's edge and tells what it doubts; shared by the scout and the analysis
	Near       faceNear     // and near a place
	Wide       faceDetector // another network, at the whole scale of the picture
	Watch      faceWatch    // the same other network as the watch over the output asks
	TurnHint   faceDetector // says where Turned may see something, at a fifth of its cost
	Turned     faceDetector // sees faces that lie on their side or upside down; shared as Edges is
	Landmark   faceAnalyzer
	more       []faceAnalyzer // like Landmark: a stream measures as many faces at once
	Recognizer faceRecognizer
	Second     embedder // of people who are enrolled, for surrogates to be compared with; without faceRecognizer: not installed
	mirror     *mirror  // shows surrogates to the recognisers before they are dealt; nil in tests without networks
	nets       nets
}

type faceDetector interface {
	Detect(ctx context.Context, pic *frame.Picture) ([]detector.Detection, error)
}

type faceNear interface {
	Near(ctx context.Context, pic *frame.Picture, box frame.Rect, roll float64) ([]detector.Detection, error)
}

type faceWatch interface {
	Within(ctx context.Context, pic *frame.Picture, part frame.Rect) (found []detector.Detection, seen frame.Rect, err error)
}

type faceAnalyzer interface {
	Analyze(ctx context.Context, pic *frame.Picture, points [5]frame.Point) (landmark.Result, error)
	Follow(ctx context.Context, pic *frame.Picture, before *landmark.Mesh) (landmark.Result, error)
	Steady(ctx context.Context, pic *frame.Picture, mesh *landmark.Mesh, more int) (landmark.Result, error)
	Calibrate(ctx context.Context, track []landmark.Sample) error
}

type faceRecognizer interface {
	Embed(ctx context.Context, pic *frame.Picture, f recognizer.Face) (embedding []float32, quality float64, err error)
}

// nets are opened models and what was made of them, to be closed in reverse.
type nets struct {
	engine infer.Info
	models []report.Model
	close  []func() error
	ready  map[netKey]readyNet // opened ahead
}

type netKey struct {
	name    string
	threads int
}

type readyNet struct {
	engine infer.Engine
	sha256 string
}

// open loads, verifies and opens one model.
func (n *nets) open(ctx context.Context, cfg Config, name string) (infer.Engine, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r, ok := n.ready[netKey{name, cfg.Threads}]
	if !ok {
		var err error
		if r, err = load(cfg, name); err != nil {
			return nil, err
		}
		n.close = append(n.close, r.engine.Close)
	}
	n.engine = r.engine.Info()
	n.models = append(n.models, report.Model{Name: name, SHA256: r.sha256})
	return r.engine, nil
}

// load reads, verifies and opens one model.
func load(cfg Config, name string) (readyNet, error) {
	m, b, err := models.DefaultStore(cfg.ModelsDir).Load(name)
	if err != nil {
		return readyNet{}, err
	}
	e, err := infer.OpenShared(m, b, cfg.inferOptions())
	return readyNet{e, m.SHA256}, err
}

// ahead opens models that open will be asked for, all at once: each takes one core for a tenth of a second. What cannot be
// opened is left to open, which says why.
func (n *nets) ahead(cfg Config, names ...string) {
	got, errs := make([]readyNet, len(names)), make([]error, len(names))
	abreast(infer.AutoThreads(0), len(names), func(_, i int) { got[i], errs[i] = load(cfg, names[i]) })
	n.ready = map[netKey]readyNet{}
	for i, r := range got {
		if errs[i] == nil {
			n.ready[netKey{names[i], cfg.Threads}] = r
			n.close = append(n.close, r.engine.Close)
		}
	}
}

// Close is safe to call twice.
func (n *nets) Close() error {
	var errs []error
	for i := len(n.close) - 1; i >= 0; i-- {
		errs = append(errs, n.close[i]())
	}
	n.close = nil
	return errors.Join(errs...)
}

// OpenStages opens the networks of pass 1. A missing or damaged model, or no engine, is an error that says what mends it.
func OpenStages(ctx context.Context, cfg Config) (*Stages, error) { return openStages(ctx, cfg, 1) }

// openStages opens the networks for measuring so many faces at once, each of them on one thread if they are several.
func openStages(ctx context.Context, cfg Config, abreast int) (_ *Stages, err error) {
	s := &Stages{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.nets.Close())
		}
	}()
	names := []string{modelRecognizer, modelSecond, modelDetector, modelWatcher}
	if abreast == 1 {
		names = append(names, modelLandmark, modelAppearance)
	}
	s.nets.ahead(cfg, names...)
	det, err := s.nets.open(ctx, cfg, modelDetector)
	if err != nil {
		return nil, err
	}
	second, err := s.nets.open(ctx, cfg, modelWatcher)
	if err != nil {
		return nil, err
	}
	side := cfg.DetectSide
	turned := []detector.Look{{Side: side, Enlarge: 2, Turn: 1}, {Side: side, Enlarge: 2, Turn: 2}, {Side: side, Enlarge: 2, Turn: 3}}
	for _, d := range []struct {
		engine infer.Engine
		cfg    detector.Config
		set    func(*detector.Detector)
	}{
		{det, detector.Config{Looks: []detector.Look{{Side: side, Enlarge: 2}}}, func(d *detector.Detector) { s.Detector = d }},
		{det, detector.Config{Looks: []detector.Look{{Side: side, Enlarge: 2, Mirror: edgeMargin}}, Score: doubtful}, func(d *detector.Detector) { s.Edges = &shared{d: d} }},
		{det, detector.Config{Score: doubtful}, func(d *detector.Detector) { s.Near = d }},
		{second, detector.Config{Looks: []detector.Look{{Side: wideSide}}, Score: wideScore}, func(d *detector.Detector) { s.Wide = d }},
		{second, detector.Config{Looks: []detector.Look{watchLook}, Score: watchDoubt}, func(d *detector.Detector) { s.Watch = d }},
		{second, detector.Config{Looks: turned, Score: hintLeast}, func(d *detector.Detector) { s.TurnHint = d }},
		{det, detector.Config{Looks: turned}, func(d *detector.Detector) { s.Turned = &shared{d: d} }},
	} {
		made, err := detector.New(d.engine, d.cfg)
		if err != nil {
			return nil, err
		}
		s.nets.close = append(s.nets.close, made.Close)
		d.set(made)
	}
	head, err := readHead()
	if err != nil {
		return nil, err
	}
	measures, err := s.nets.openLandmarks(ctx, cfg, head, abreast)
	if err != nil {
		return nil, err
	}
	s.Landmark = measures[0]
	for _, m := range measures[1:] {
		s.more = append(s.more, m)
	}
	by, err := s.nets.openRecognizers(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if s.Recognizer = by[0]; len(by) > 1 {
		s.Second = by[1]
	}
	s.mirror = &mirror{cfg: cfg, landmark: s.Landmark, recognizers: by}
	s.nets.close = append(s.nets.close, s.mirror.Close)
	return s, nil
}

// openLandmark opens the mesh and the network that reads appearances off it.
func (n *nets) openLandmark(ctx context.Context, cfg Config, head *landmark.Head) (*landmark.Analyzer, error) {
	all, err := n.openLandmarks(ctx, cfg, head, 1)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// openLandmarks opens the two for several goroutines. The mesh is a small network: two of them on a thread each do more than two
// threads on one (4.7 CPU ms against 3.4).
func (n *nets) openLandmarks(ctx context.Context, cfg Config, head *landmark.Head, abreast int) (all []*landmark.Analyzer, err error) {
	if abreast > 1 {
		cfg.Threads = 1
	}
	mesh, err := n.open(ctx, cfg, modelLandmark)
	if err != nil {
		return nil, err
	}
	units, err := n.open(ctx, cfg, modelAppearance)
	if err != nil {
		return nil, err
	}
	for range abreast {
		l, err := landmark.New(mesh, units, head)
		if err != nil {
			return nil, err
		}
		n.close = append(n.close, l.Close)
		all = append(all, l)
	}
	return all, nil
}

const (
	edgeMargin = 0.1  // of the longest side: a face of which 30 % are in the picture becomes a whole one
	wideSide   = 1920 // px: 20 px of a face at 1080p stay 20 px
	wideScore  = 0.7  // CenterFace 640 with YuNet 1280 from .7 on: recall .976 with one false alarm in 179 pictures
)

// judge says which surrogates may be dealt in tx.
func (s *Stages) judge(ctx context.Context, tx *registry.Tx, link float64) *registry.Judge {
	if s.mirror == nil {
		return nil
	}
	return s.mirror.judge(ctx, tx, link)
}

// measure runs a landmark measurement. A face whose geometry cannot be used counts as one without landmarks, and is
// covered; every other error stands.
func (s *Stages) measure(run func() (landmark.Result, error)) (landmark.Result, error) {
	r, err := run()
	if errors.Is(err, landmark.ErrOutput) {
		return landmark.Result{}, nil
	}
	return r, err
}

// measurers are what measures faces, as many at once as there are.
func (s *Stages) measurers() []faceAnalyzer { return append([]faceAnalyzer{s.Landmark}, s.more...) }

// Engine is what computes the networks.
func (s *Stages) Engine() infer.Info { return s.nets.engine }

// Models are the networks by their content.
func (s *Stages) Models() []report.Model { return s.nets.models }

// Close is safe to call twice.
func (s *Stages) Close() error { return s.nets.Close() }

// headFile is the geometry of the generator's head, beside its weights.
func headFile() ([]byte, error) { return models.File(modelGenerator, "head.json") }

func readHead() (*landmark.Head, error) {
	b, err := headFile()
	if err != nil {
		return nil, err
	}
	return landmark.ParseHead(b)
}
