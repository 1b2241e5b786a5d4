package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/generator"
	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/core/report"
	"github.com/ksamenet/ksamenet/models"
)

// Surrogates is an opened generator for the clusters of one decision list.
type Surrogates struct {
	*generator.Generator
	nets nets
	lips *lips
}

// OpenSurrogates opens the generator with the mixes of l: the models that the sizes of its faces ask for, and the small one
// when there are none. A program that was built with only one of them uses it for all faces, and logs it.
func OpenSurrogates(ctx context.Context, cfg Config, l *decisions.List) (*Surrogates, error) {
	names := []string{modelSmall}
	side := newSides(DetailFull)
	for _, jobs := range l.ByFrame() {
		for _, j := range jobs {
			if j.Action == decisions.Replace {
				side.of(j)
			}
		}
	}
	large, small := 0, 0
	for _, s := range side.track {
		if s > smallSide {
			large++
		} else {
			small++
		}
	}
	if large > 0 {
		names = append(names, modelGenerator)
		if small == 0 {
			names = names[1:]
		}
	}
	s, err := openSurrogates(ctx, cfg, l, names)
	if err != nil {
		return nil, err
	}
	if err := s.meetLips(ctx, l, side); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// meetLips has all mouths looked at that l opens: the network that does so is then let go, before an encoder needs the memory.
func (s *Surrogates) meetLips(ctx context.Context, l *decisions.List, side sides) error {
	type mouth struct {
		cluster generator.ClusterID
		side    int
		pitch   int8
	}
	met := map[mouth]bool{}
	for _, jobs := range l.ByFrame() {
		for _, j := range jobs {
			if j.Action != decisions.Replace || j.Face.Look.Expression[appearance.MouthOpen] == 0 {
				continue
			}
			m := mouth{generator.ClusterID(j.Cluster), side.of(j), j.Face.Look.Pitch}
			if met[m] {
				continue
			}
			met[m] = true
			if err := s.MeetLips(ctx, generator.Request{Cluster: m.cluster, Look: *j.Face.Look, Side: m.side}); err != nil {
				return err
			}
		}
	}
	return s.lips.close()
}

// generators are all models of the generator, for faces whose sizes are not known.
var generators = []string{modelGenerator, modelSmall}

// openSurrogates opens the generator's models by name; one that is missing is replaced by the others.
func openSurrogates(ctx context.Context, cfg Config, l *decisions.List, names []string) (_ *Surrogates, err error) {
	s := &Surrogates{lips: &lips{cfg: cfg}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	engines, err := s.nets.openGenerators(ctx, cfg, names)
	if err != nil {
		return nil, err
	}
	// Each patch that a frame wears is used within the next few; 64 of 256² are a second or two of a face.
	mixes := generator.Config{Mixes: Mixes(l), NeutralExpression: l.Policy.Neutral, CacheBytes: 16 << 20}
	if cfg.Detail != DetailFast { // to look at a mouth takes longer than a picture of a stream lasts
		mixes.Lips = s.lips
	}
	if s.Generator, err = generator.New(mixes, engines...); err != nil {
		return nil, err
	}
	s.nets.close = append(s.nets.close, s.Generator.Close)
	return s, nil
}

// openGenerators opens the generator's models of these names, or, where none of them is there, the others.
func (n *nets) openGenerators(ctx context.Context, cfg Config, names []string) (engines []infer.Engine, err error) {
	var missing []error
	for i, name := range slices.Concat(names, generators) {
		if i >= len(names) && (len(engines) > 0 || slices.Contains(names, name)) {
			continue
		}
		e, err := n.open(ctx, cfg, name)
		switch {
		case errors.Is(err, models.ErrMissing), errors.Is(err, models.ErrUnknown):
			missing = append(missing, err)
		case err != nil:
			return nil, err
		default:
			engines = append(engines, e)
		}
	}
	switch {
	case len(engines) == 0:
		return nil, errors.Join(missing...)
	case len(missing) > 0:
		cfg.log().Warn(fmt.Sprintf("one generator serves faces of every size, %q: the other is not there", n.models[len(n.models)-1].Name), "missing", missing[0])
	}
	return engines, nil
}

// Engine is what computes the generator.
func (s *Surrogates) Engine() infer.Info { return s.nets.engine }

// Models are the generator's models by their content, and what looked at its mouths if one had to open.
func (s *Surrogates) Models() []report.Model { return slices.Concat(s.nets.models, s.lips.nets.models) }

// Close is safe to call twice.
func (s *Surrogates) Close() error { return errors.Join(s.nets.Close(), s.lips.close()) }
