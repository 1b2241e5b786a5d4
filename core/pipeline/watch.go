package pipeline

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/ksamenet/ksamenet/core/detector"
	"github.com/ksamenet/ksamenet/core/frame"
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
	Lanes []*Lane
	nets  nets
}

// Lane looks at pictures one by one. It belongs to one goroutine at a time.
type Lane struct {
	*verify.Watcher                   // at everything
	small           []*verify.Watcher // at smaller scales: smallSides
	turned          *verify.Watcher   // at everything and at the whole scale; nil: Watcher does so
}

// smallSides are what pictures are looked at with when only what lies at a surrogate may be new, and is large.
var smallSides = [...]int{320, 448}

// smallFace is the height that the smallest region then has, at least, as the network sees it, px.
const smallFace = 32

// Again is Picture for an output of which pass 1 saw the original. A picture is looked at again wherever a face may show that no
// region hides; one with regions at least coarsely, for what their rendering may have changed is as large as they are. carried
// says that there was nothing to look at.
func (l *Lane) Again(ctx context.Context, pic *frame.Picture, regions []verify.Region, before *Assured) (found []verify.Finding, carried bool, err error) {
	w := l.Watcher
	switch {
	case l.turned != nil && slices.ContainsFunc(regions, func(r verify.Region) bool { return r.Turned }):
		w = l.turned
	case before.clear(pic.Index, regions):
		if len(regions) == 0 {
			return nil, true, nil
		}
		least := math.Inf(1)
		for _, r := range regions {
			least = min(least, r.Box.H())
		}
		for i, side := range smallSides {
			if i < len(l.small) && least*float64(side) >= smallFace*float64(max(pic.W, pic.H)) {
				w = l.small[i]
				break
			}
		}
	}
	found, err = w.Picture(ctx, pic, regions)
	return found, false, err
}

// Seen is the number of faces looked at so far, hidden or not.
func (l *Lane) Seen() int64 {
	n := l.Watcher.Seen()
	for _, s := range l.small {
		n += s.Seen()
	}
	if l.turned != nil {
		n += l.turned.Seen()
	}
	return n
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
		lane := &Lane{}
		if lane.Watcher, err = w.nets.watcher(engines, looks, least); err != nil {
			return nil, err
		}
		w.Lanes = append(w.Lanes, lane)
		if thorough {
			continue
		}
		if lane.turned, err = w.nets.watcher(engines, append(slices.Clone(looks), thoroughLook), least); err != nil {
			return nil, err
		}
		for _, side := range smallSides {
			small, err := w.nets.watcher(engines, []detector.Look{{Side: side, Enlarge: watchLook.Enlarge}}, least)
			if err != nil {
				return nil, err
			}
			lane.small = append(lane.small, small)
		}
	}
	return w, nil
}

// watcher is a check by all of engines.
func (n *nets) watcher(engines []infer.Engine, looks []detector.Look, least float64) (*verify.Watcher, error) {
	var ds []verify.Detector
	for _, e := range engines {
		d, err := detector.New(e, detector.Config{Looks: looks})
		if err != nil {
			return nil, err
		}
		n.close = append(n.close, d.Close)
		ds = append(ds, d)
	}
	return verify.NewWatcher(least, ds...)
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
