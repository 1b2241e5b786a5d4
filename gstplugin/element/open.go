package element

import (
	"context"
	"errors"
	"fmt"

	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/core/registry"
)

// stream is a live pipeline with the registry that it reads.
type stream struct {
	*pipeline.Live
	reg *registry.Registry
}

// Close is safe to call twice.
func (s *stream) Close() error {
	err := s.Live.Close()
	if s.reg != nil {
		err = errors.Join(err, s.reg.Close())
	}
	return err
}

// open opens the registry for reading, and the networks. A registry that lacks clusters or donors is prepared first, which
// is the only time that the element writes to it.
func open(ctx context.Context, set settings) (_ live, err error) {
	s := &stream{}
	if set.registry == "" {
		if !set.config.Uncertified {
			return nil, errors.New("no registry: set registry= and key-file= (made by `ksamenet registry init`), or uncertified=true for one shared surrogate without a claim")
		}
	} else if s.reg, err = registry.Open(set.registry, set.keyFile, registry.Options{ReadOnly: true, Log: set.config.Log}); err != nil {
		return nil, err
	}
	s.Live, err = pipeline.OpenLive(ctx, set.config, s.reg)
	if errors.Is(err, pipeline.ErrNotReady) {
		if s.reg, err = prepared(ctx, set, s.reg); err != nil {
			return nil, withWayOut(err)
		}
		s.Live, err = pipeline.OpenLive(ctx, set.config, s.reg)
	}
	if err != nil {
		if s.reg != nil {
			err = errors.Join(err, s.reg.Close())
		}
		return nil, err
	}
	return s, nil
}

// prepared closes r, gives clusters and donors to everybody enrolled, and opens the registry for reading again.
func prepared(ctx context.Context, set settings, r *registry.Registry) (*registry.Registry, error) {
	if err := r.Close(); err != nil {
		return nil, err
	}
	w, err := registry.Open(set.registry, set.keyFile, registry.Options{Log: set.config.Log})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(pipeline.PrepareRegistry(ctx, set.config, w), w.Close()); err != nil {
		return nil, err
	}
	return registry.Open(set.registry, set.keyFile, registry.Options{ReadOnly: true, Log: set.config.Log})
}

// withWayOut adds what the user can do where the error does not say it.
func withWayOut(err error) error {
	var few *ksame.TooFewError
	if !errors.As(err, &few) {
		return err
	}
	return fmt.Errorf("%w\nhint: enrol more people (`ksamenet registry enroll`), set a smaller k=, or set uncertified=true: strangers then share one surrogate, and nothing is claimed", err)
}
