package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/generator"
	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/landmark"
	"github.com/ksamenet/ksamenet/core/recognizer"
	"github.com/ksamenet/ksamenet/core/registry"
	"github.com/ksamenet/ksamenet/models"
)

// modelSecond is the recogniser that looks at surrogates beside the first.
const modelSecond = "dlib"

// bounds are similarities from which a surrogate counts as too like something, under one recogniser (invariant I10).
type bounds struct {
	person  float64 // somebody enrolled, by the second recogniser; the first has the registry's own
	donor   float64 // a single donor's picture
	cluster float64 // another cluster's surrogate
}

// nearest are the bounds of the recognisers, by model. A person is held to the similarity from which the registry itself
// takes two faces for one person's. Synthetic faces lie closer together than real ones, so that their bounds are measured
// on them (docs/guarantee.md, TestLikenessFigures).
var nearest = map[string]bounds{
	modelRecognizer: {donor: .85, cluster: .92},
	modelSecond:     {person: .945, donor: .98, cluster: .99},
}

// embedder is a recogniser by its model's name, and by name and hash.
type embedder struct {
	model, id string
	faceRecognizer
}

// mirror shows surrogates to recognisers. Everything that Stages did not lend it is opened at first use.
type mirror struct {
	cfg         Config
	nets        nets
	landmark    faceAnalyzer
	head        *landmark.Head
	engine      infer.Engine // the generator with the largest patches
	recognizers []embedder
	seen        map[string][][]float32 // what the recognisers made of a mix
	known       *known                 // and of single donors, before; may be nil
}

// open opens what is missing.
func (m *mirror) open(ctx context.Context) error {
	if m.engine != nil {
		return nil
	}
	var err error
	if m.head, err = readHead(); err != nil {
		return err
	}
	if m.landmark == nil {
		if m.landmark, err = m.nets.openLandmark(ctx, m.cfg, m.head); err != nil {
			return err
		}
	}
	if len(m.recognizers) == 0 {
		if m.recognizers, err = m.nets.openRecognizers(ctx, m.cfg); err != nil {
			return err
		}
	}
	n := len(m.nets.models)
	engines, err := m.nets.openGenerators(ctx, m.cfg, generators[:1])
	if err != nil {
		return err
	}
	if m.known, err = readKnown(m.nets.models[n].Name, m.recognizers); err != nil {
		return err
	}
	m.seen, m.engine = map[string][][]float32{}, engines[0]
	return nil
}

// openRecognizers opens the recogniser that people are matched by, and the second one where it is installed.
func (n *nets) openRecognizers(ctx context.Context, cfg Config) ([]embedder, error) {
	var out []embedder
	for _, name := range []string{modelSecond, modelRecognizer} { // the first one last: what a registry is made with
		e, err := n.open(ctx, cfg, name)
		if name == modelSecond && errors.Is(err, models.ErrMissing) {
			cfg.log().Warn("surrogates are compared by one recogniser alone", "missing", err)
			continue
		}
		if err != nil {
			return nil, err
		}
		r, err := recognizer.New(e)
		if err != nil {
			return nil, err
		}
		n.close = append(n.close, r.Close)
		m := n.models[len(n.models)-1]
		out = append(out, embedder{name, m.Name + ":" + m.SHA256, r})
	}
	slices.Reverse(out)
	return out, nil
}

// Close releases what was opened. It is safe to call twice.
func (m *mirror) Close() error { return m.nets.Close() }

// portrait is the embedding of a mix's surrogate, neutral and from the front, under each recogniser; nil for a surrogate in
// which no face can be made out.
func (m *mirror) portrait(ctx context.Context, mix ksame.Mix) ([][]float32, error) {
	key := fmt.Sprint(mix)
	if p, ok := m.seen[key]; ok {
		return p, nil
	}
	if err := m.open(ctx); err != nil {
		return nil, err
	}
	if len(mix) == 1 {
		if p, ok := m.known.of(mix[0], len(m.recognizers)); ok {
			return p, nil
		}
	}
	p, err := m.embed(ctx, mix, appearance.Appearance{})
	if err == nil {
		m.seen[key] = p
	}
	return p, err
}

// embed is portrait with a look.
func (m *mirror) embed(ctx context.Context, mix ksame.Mix, look appearance.Appearance) ([][]float32, error) {
	if err := m.open(ctx); err != nil {
		return nil, err
	}
	g, err := generator.New(generator.Config{Mixes: map[generator.ClusterID][]int{1: mix}, CacheBytes: -1}, m.engine)
	if err != nil {
		return nil, err
	}
	patch, err := g.Render(ctx, generator.Request{Cluster: 1, Look: look})
	if err = errors.Join(err, g.Close()); err != nil {
		return nil, err
	}
	pic, points := hang(patch, m.head)
	r, err := m.landmark.Analyze(ctx, pic, points)
	if err != nil && !errors.Is(err, landmark.ErrOutput) {
		return nil, err
	}
	var embeddings [][]float32
	if err == nil && usable(r) {
		for _, by := range m.recognizers {
			e, _, err := by.Embed(ctx, pic, recognizer.Face{Points: r.Mesh.Five(), Corners: r.Mesh.Corners(), Yaw: r.Raw.Yaw, Pitch: r.Raw.Pitch, Presence: r.Presence})
			if err != nil {
				return nil, fmt.Errorf("pipeline: a surrogate's portrait: %w", err)
			}
			embeddings = append(embeddings, e)
		}
	}
	return embeddings, nil
}

// hang lays a patch over a grey picture and says where its eyes, nose and mouth are.
func hang(p *frame.Patch, head *landmark.Head) (*frame.Picture, [5]frame.Point) {
	const grey = 128
	margin := p.Size / 4
	pic := frame.New(frame.RGB24, p.Size+2*margin, p.Size+2*margin)
	plane, stride := pic.Planes[0].Data, pic.Planes[0].Stride
	for y := range pic.H {
		for x := range 3 * pic.W {
			plane[y*stride+x] = grey
		}
	}
	for y := range p.Size {
		for x := range p.Size {
			s := p.RGBA[4*(y*p.Size+x):]
			d := plane[(y+margin)*stride+3*(x+margin):]
			for c := range 3 {
				d[c] = uint8((int(s[c])*int(s[3]) + grey*(255-int(s[3])) + 127) / 255)
			}
		}
	}
	points := head.Five()
	for i, q := range points {
		points[i] = frame.Point{X: q.X*float64(p.Size) + float64(margin), Y: q.Y*float64(p.Size) + float64(margin)}
	}
	return pic, points
}

// alike is how near a surrogate comes to the bounds, 1 being at one of them; a surrogate without a face is as near as can be.
func (m *mirror) alike(a, b [][]float32, bound func(bounds) float64) float64 {
	if a == nil || b == nil {
		return 1
	}
	worst := 0.
	for i, by := range m.recognizers {
		worst = max(worst, dot(a[i], b[i])/bound(nearest[by.model]))
	}
	return worst
}

// resembles says that a surrogate is as near to somebody enrolled as one person's pictures are, by one of the recognisers.
func (m *mirror) resembles(tx *registry.Tx, link float64, p [][]float32) (bool, error) {
	who, err := tx.Match(p[0])
	if err != nil || who.Person != 0 && who.Similarity >= link {
		return err == nil, err
	}
	for i, by := range m.recognizers[1:] {
		who, err := tx.NearestSecond(by.id, p[i+1])
		if err != nil || who.Person != 0 && who.Similarity >= nearest[by.model].person {
			return err == nil, err
		}
	}
	return false, nil
}

// guess is about what alike would find, without making the surrogate: a mixture lies near the middle of its donors. Measured
// on 300 mixtures of four: its cosine with that middle is .87 for SFace and .98 for dlib; similarities to people correlate by .84 and .94.
func (m *mirror) guess(ctx context.Context, tx *registry.Tx, link float64, mix ksame.Mix, taken []ksame.Mix) (float64, error) {
	var middle [][]float32
	for _, d := range mix {
		one, err := m.portrait(ctx, ksame.Mix{d})
		if err != nil {
			return 1, err
		}
		if one == nil {
			return 1, nil
		}
		if middle == nil {
			middle = make([][]float32, len(one))
		}
		for i, e := range one {
			if middle[i] == nil {
				middle[i] = make([]float32, len(e))
			}
			for j, v := range e {
				middle[i][j] += v
			}
		}
	}
	for i := range middle {
		middle[i] = unit(middle[i])
	}
	who, err := tx.Match(middle[0])
	if err != nil {
		return 1, err
	}
	near := 0.
	if who.Person != 0 {
		near = max(near, who.Similarity/link)
	}
	for i, by := range m.recognizers[1:] {
		// Similarities of the second recogniser spread a third as far as those of the first.
		const spread = .125
		who, err := tx.NearestSecond(by.id, middle[i+1])
		if err != nil {
			return 1, err
		}
		if who.Person != 0 {
			near = max(near, 1+(who.Similarity-nearest[by.model].person)/spread)
		}
	}
	for _, t := range taken {
		worn, err := m.portrait(ctx, t)
		if err != nil {
			return 1, err
		}
		near = max(near, m.alike(middle, worn, func(b bounds) float64 { return b.cluster }))
	}
	return near, nil
}

// judge says which mixes may be worn (invariant I10): a surrogate must be farther from everybody enrolled than two pictures
// of one person are, from every donor's own face, and from the surrogates of other clusters, under both recognisers. People
// who were enrolled without the second one are compared under the first until they are seen again.
func (m *mirror) judge(ctx context.Context, tx *registry.Tx, link float64) *registry.Judge {
	var lenient func(ksame.ClusterID)
	if m.cfg.Uncertified {
		lenient = func(id ksame.ClusterID) {
			m.cfg.log().Warn("every surrogate that was tried resembles a person, a donor or another cluster's; one is worn all the same", "cluster", id)
		}
	}
	return &registry.Judge{
		Lenient: lenient,
		Guess: func(mix ksame.Mix, taken []ksame.Mix) (float64, error) {
			return m.guess(ctx, tx, link, mix, taken)
		},
		Refuse: func(mix ksame.Mix, standing bool) (bool, error) {
			p, err := m.portrait(ctx, mix)
			if err != nil || p == nil {
				return true, err
			}
			if no, err := m.resembles(tx, link, p); err != nil || no || standing || len(mix) == 1 {
				return no || err != nil, err
			}
			for d := range donors() {
				one, err := m.portrait(ctx, ksame.Mix{d})
				if err != nil {
					return true, err
				}
				if one != nil && m.alike(p, one, func(b bounds) float64 { return b.donor }) >= 1 {
					return true, nil
				}
			}
			return false, nil
		},
		Likeness: func(a, b ksame.Mix) (float64, error) {
			p, err := m.portrait(ctx, a)
			if err != nil {
				return 1, err
			}
			q, err := m.portrait(ctx, b)
			if err != nil {
				return 1, err
			}
			return m.alike(p, q, func(b bounds) float64 { return b.cluster }), nil
		},
	}
}
