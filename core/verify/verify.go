// Package verify looks over what a run produced, with a detector that had no part in it: every face that it sees must lie
// under a surrogate, a cover, or a region that was left clear on request (invariant I6). It changes nothing and knows no
// people; core/pipeline covers what it finds.
package verify

import (
	"context"
	"fmt"
	"slices"

	"github.com/ksamenet/ksamenet/core/detector"
	"github.com/ksamenet/ksamenet/core/frame"
)

// Finding is a face of one picture that nothing hides.
type Finding struct {
	Frame  int64      `json:"frame"`
	Box    frame.Rect `json:"-"`
	Score  float64    `json:"score"`  // of the detector
	Hidden float64    `json:"hidden"` // share of the face's middle that some region holds, 0..1
}

// Detector is what the watcher needs of core/detector.
type Detector interface {
	Detect(ctx context.Context, pic *frame.Picture) ([]detector.Detection, error)
}

// Watcher checks pictures one by one. It belongs to one goroutine at a time; its detectors stay the caller's.
type Watcher struct {
	detectors []Detector
	least     float64
	seen      int64
}

// NewWatcher prepares a check by all of ds. Faces less than least px high are not looked at: 0 looks at all.
func NewWatcher(least float64, ds ...Detector) (*Watcher, error) {
	if len(ds) == 0 {
		return nil, fmt.Errorf("verify: no detector to watch with")
	}
	return &Watcher{detectors: ds, least: least}, nil
}

// hiddenFrom is the share of a face's middle that must be hidden. A surrogate is itself found as a face: its own detection
// lies wholly inside its region. A face that stands half behind a hidden one does not.
const hiddenFrom = 0.75

// Exposes says that regions do not hide a face of a picture with the given bounds.
func Exposes(face, picture frame.Rect, regions []Region) bool {
	return Hidden(face.Intersect(picture), regions) < hiddenFrom
}

// Picture lists the faces of pic that regions do not hide, by place. An error means that the picture was not examined, and
// must count as failed.
func (w *Watcher) Picture(ctx context.Context, pic *frame.Picture, regions []Region) ([]Finding, error) {
	var found []Finding
	for _, d := range w.detectors {
		ds, err := d.Detect(ctx, pic)
		if err != nil {
			return nil, fmt.Errorf("verify: picture %d: %w", pic.Index, err)
		}
		for _, f := range ds {
			if f.Box.H() < w.least {
				continue
			}
			w.seen++
			h := Hidden(f.Box.Intersect(pic.Bounds()), regions)
			if h >= hiddenFrom || slices.ContainsFunc(found, func(o Finding) bool { return o.Box.IoU(f.Box) > sameFace }) {
				continue
			}
			found = append(found, Finding{Frame: pic.Index, Box: f.Box, Score: f.Score, Hidden: h})
		}
	}
	return found, nil
}

// sameFace is the overlap from which two detectors mean one face.
const sameFace = 0.4

// Seen is the number of faces looked at so far, hidden or not; two detectors that see one face count twice.
func (w *Watcher) Seen() int64 { return w.seen }
