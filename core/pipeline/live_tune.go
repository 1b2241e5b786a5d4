package pipeline

import (
	"cmp"
	"slices"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/tracker"
)

// Adjust takes over those settings that may change while a stream runs, from the next picture on: Fallback, Halo,
// Lookahead, DetectInterval, MaxFaces and MinFaceSize. The others stay as they were at the start. An error changes nothing.
func (l *Live) Adjust(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	l.cfg.Fallback, l.cfg.Halo = cfg.Fallback, cfg.Halo
	l.cfg.Lookahead, l.cfg.DetectInterval, l.cfg.MaxFaces, l.cfg.MinFaceSize = cfg.Lookahead, cfg.DetectInterval, cfg.MaxFaces, cfg.MinFaceSize
	l.paint.halo, l.paint.style = cfg.Halo, coverStyles[cfg.Fallback]
	return nil
}

// Resume lets a stream go on after an error, or a panic, for hosts that hide what could not be examined. All tracks are
// forgotten, and so are held pictures: the host hides or drops those too. It does not open what was closed.
func (l *Live) Resume() error {
	if l.failed == ErrLiveClosed {
		return ErrLiveClosed
	}
	l.failed = nil
	l.Reset()
	clear(l.paint.worn)
	clear(l.paint.sides.track)
	return nil
}

// spared says why a face is not measured and replaced although it could be; "" when it is.
func (l *Live) spared(f *liveFace, box frame.Rect, crowded bool) string {
	least := float64(l.cfg.MinFaceSize)
	if f.replaced == l.count-1 {
		least *= .85 // or a face at the limit would change at every other picture
	}
	switch {
	case box.H() < least:
		return "smaller than min-face-size"
	case crowded:
		return "more faces than max-faces"
	}
	return ""
}

// beyond lists the tracks for which Config.MaxFaces leaves no surrogate in this picture. Who wore one in the last picture keeps
// it; then the larger ones have it.
func (l *Live) beyond(tracks []*tracker.Track) map[int]bool {
	if l.cfg.MaxFaces == 0 || len(tracks) <= l.cfg.MaxFaces {
		return nil
	}
	var seen []*tracker.Track
	for _, t := range tracks {
		if t.State != tracker.Removed && t.Tag >= 0 {
			seen = append(seen, t)
		}
	}
	worn := func(t *tracker.Track) int {
		if l.face(t.ID).replaced == l.count-1 {
			return 0
		}
		return 1
	}
	slices.SortFunc(seen, func(a, b *tracker.Track) int {
		return cmp.Or(cmp.Compare(worn(a), worn(b)), cmp.Compare(b.Box.W()*b.Box.H(), a.Box.W()*a.Box.H()), cmp.Compare(a.ID, b.ID))
	})
	out := map[int]bool{}
	for _, t := range seen[min(l.cfg.MaxFaces, len(seen)):] {
		out[t.ID] = true
	}
	return out
}
