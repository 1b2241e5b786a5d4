package pipeline

import (
	"context"
	"errors"

	"github.com/ksamenet/ksamenet/core/detector"
	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/core/report"
	"github.com/ksamenet/ksamenet/core/verify"
)

// modelWatcher is the detector that has no part in the analysis's first look: another family, trained apart.
const modelWatcher = "yunet"

// watchLook is how the watcher sees a picture; thoroughLook is what a thorough one sees beside it: the whole scale.
var (
	watchLook    = detector.Look{Side: 640, Enlarge: 2}
	thoroughLook = detector.Look{Side: 1920}
)

// Watcher is the second detector, opened for several goroutines: each takes one of Lanes.
type Watcher struct {
	Lanes []*verify.Watcher
	nets  nets
}

// OpenWatcher opens the second detector, with as many lanes as a network may have threads: pictures do not depend on one
// another, and a thread on each computes more than all on one. thorough adds the first detector, and both look at the whole
// scale of a picture, which takes several times as long, and memory for one lane. Faces less than least px high are not
// looked at.
func OpenWatcher(ctx context.Context, cfg Config, thorough bool, least float64) (_ *Watcher, err error) {
	w := &Watcher{}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.nets.Close())
		}
	}()
	names, looks := []string{modelWatcher}, []detector.Look{watchLook}
	lanes := infer.AutoThreads(cfg.Threads)
	if thorough {
		names, lanes = append(names, modelDetector), 1
		looks = append(looks, thoroughLook)
	} else {
		cfg.Threads = 1
	}
	var engines []infer.Engine
	for _, name := range names {
		e, err := w.nets.open(ctx, cfg, name)
		if err != nil {
			return nil, err
		}
		engines = append(engines, e)
	}
	for range lanes {
		var ds []verify.Detector
		for _, e := range engines {
			d, err := detector.New(e, detector.Config{Looks: looks})
			if err != nil {
				return nil, err
			}
			w.nets.close = append(w.nets.close, d.Close)
			ds = append(ds, d)
		}
		lane, err := verify.NewWatcher(least, ds...)
		if err != nil {
			return nil, err
		}
		w.Lanes = append(w.Lanes, lane)
	}
	return w, nil
}

// Seen is the number of faces looked at so far, hidden or not.
func (w *Watcher) Seen() (n int64) {
	for _, l := range w.Lanes {
		n += l.Seen()
	}
	return n
}

// Models are the networks by their content.
func (w *Watcher) Models() []report.Model { return w.nets.models }

// Close is safe to call twice.
func (w *Watcher) Close() error { return w.nets.Close() }
