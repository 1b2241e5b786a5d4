package pipeline

import (
	"context"
	"errors"
	"fmt"

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
}

// OpenSurrogates opens the generator with the mixes of l: the model for large faces and the one for small faces. A program
// that was built with only one of them uses it for all faces, and logs it.
func OpenSurrogates(ctx context.Context, cfg Config, l *decisions.List) (_ *Surrogates, err error) {
	s := &Surrogates{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.nets.Close())
		}
	}()
	engines, err := s.nets.openGenerators(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if s.Generator, err = generator.New(generator.Config{Mixes: Mixes(l), NeutralExpression: l.Policy.Neutral}, engines...); err != nil {
		return nil, err
	}
	s.nets.close = append(s.nets.close, s.Generator.Close)
	return s, nil
}

// openGenerators opens the generator's models, one or both.
func (n *nets) openGenerators(ctx context.Context, cfg Config) (engines []infer.Engine, err error) {
	var missing []error
	for _, name := range []string{modelGenerator, modelSmall} {
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

// Models are the generator's models by their content.
func (s *Surrogates) Models() []report.Model { return s.nets.models }

// Close is safe to call twice.
func (s *Surrogates) Close() error { return s.nets.Close() }
