package pipeline

import (
	"context"
	"errors"

	"github.com/ksamenet/ksamenet/core/detector"
	"github.com/ksamenet/ksamenet/core/report"
	"github.com/ksamenet/ksamenet/core/verify"
)

// modelWatcher is the detector that has no part in the analysis's first look: another family, trained apart.
const modelWatcher = "yunet"

// watchSide is the long side of the watcher's picture, px.
const watchSide = 640

// Watcher is an opened verify.Watcher.
type Watcher struct {
	*verify.Watcher
	nets nets
}

// OpenWatcher opens the second detector. thorough adds the first one, and both look at the whole scale of a picture, which
// takes several times as long. Faces less than least px high are not looked at.
func OpenWatcher(ctx context.Context, cfg Config, thorough bool, least float64) (_ *Watcher, err error) {
	w := &Watcher{}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.nets.Close())
		}
	}()
	names, looks := []string{modelWatcher}, []detector.Look{{Side: watchSide, Enlarge: 2}}
	if thorough {
		names = append(names, modelDetector)
		looks = []detector.Look{{Side: watchSide, Enlarge: 2}, {Side: 1920}}
	}
	var ds []verify.Detector
	for _, name := range names {
		e, err := w.nets.open(ctx, cfg, name)
		if err != nil {
			return nil, err
		}
		d, err := detector.New(e, detector.Config{Looks: looks})
		if err != nil {
			return nil, err
		}
		w.nets.close = append(w.nets.close, d.Close)
		ds = append(ds, d)
	}
	w.Watcher, err = verify.NewWatcher(least, ds...)
	return w, err
}

// Models are the networks by their content.
func (w *Watcher) Models() []report.Model { return w.nets.models }

// Close is safe to call twice.
func (w *Watcher) Close() error { return w.nets.Close() }
