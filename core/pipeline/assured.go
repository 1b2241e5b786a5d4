package pipeline

import (
	"slices"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/detector"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/verify"
)

// Assured is what pass 1 knows for the watch over the output: the second detector, which keeps that watch, has looked at every
// picture of the original, at the same scale, wherever something had changed. Outside the regions of a list the output shows the
// same, as far as its coding lets it: where a picture of the original held nothing that was nearly a face but what the list
// hides, there is nothing new to be seen. It speaks of outputs of the analysed file, and of no others.
type Assured struct {
	frames   int64
	bounds   frame.Rect
	suspects map[int64][]suspect // faces, what is nearly one, and, with score 0, places of known faces that were not looked at
}

type suspect struct {
	verify.Finding
	face bool // the first detector sees one there as well, looking closely
}

// Assured is of the pictures so far. It stays the analysis's.
func (a *Analyzer) Assured() *Assured { return &a.assured }

func (s *Assured) suspect(index int64, d detector.Detection, face bool) {
	if s.suspects == nil {
		s.suspects = map[int64][]suspect{}
	}
	s.suspects[index] = append(s.suspects[index], suspect{verify.Finding{Frame: index, Box: d.Box, Score: d.Score}, face})
}

// open lists what the second detector took for faces, or might take for them in the output, and what it doubted, and l does not hide or
// keep.
func (s *Assured) open(l *decisions.List) (open finds) {
	if s == nil {
		return finds{}
	}
	jobs := l.ByFrame()
	for i := range s.frames {
		regions := verify.Regions(jobs[i])
		// Where surrogates are rendered, to render again is dear, and there are people: what flickers is covered as well.
		rendered := slices.ContainsFunc(jobs[i], func(j decisions.Job) bool { return j.Action == decisions.Replace })
		for _, f := range s.suspects[i] {
			switch {
			case f.Score < watchDoubt || !verify.Exposes(f.Box, s.bounds, regions):
			case f.Score < alarmNear, f.Score < alarmLeast && (f.Box.Area() > nearShare*s.bounds.Area() || !rendered && !s.lasts(f)):
				open.doubtful = append(open.doubtful, f.Finding)
			case f.face:
				open.lasting = append(open.lasting, f.Finding)
			default:
				open.brief = append(open.brief, f.Finding)
			}
		}
	}
	return open
}

// lasts says that what nearly is a face was seen in the same place in another picture shortly before or after: a print is, what flickers
// is not.
func (s *Assured) lasts(f suspect) bool {
	for i := f.Frame - nearReach; i <= f.Frame+nearReach; i++ {
		if i != f.Frame && slices.ContainsFunc(s.suspects[i], func(o suspect) bool {
			return o.Score >= alarmNear && o.Box.IoU(f.Box) > sameFace
		}) {
			return true
		}
	}
	return false
}

// Hide covers what the watch over the output found. s may be nil.
func (s *Assured) Hide(cfg Config, l *decisions.List, found []verify.Finding) error {
	f := finds{doubtful: s.open(l).doubtful}
	for _, x := range found { // nobody looked closely; detectors hardly miss a large face
		if x.Box.Area() > nearShare*float64(l.Source.Width*l.Source.Height) {
			f.brief = append(f.brief, x)
		} else {
			f.lasting = append(f.lasting, x)
		}
	}
	return f.hide(cfg, l)
}

// Rests says that no picture of a rendering of l needs a look: nothing was rendered, and nothing in the original was nearly a face.
func (s *Assured) Rests(l *decisions.List) bool {
	if s == nil || s.frames < l.Source.Frames || len(l.ByFrame()) > 0 {
		return false
	}
	for i := range l.Source.Frames {
		if !s.clear(i, nil) {
			return false
		}
	}
	return true
}

// clear says that regions hide everything in a picture that may be a face. Doubt is no.
func (s *Assured) clear(index int64, regions []verify.Region) bool {
	if s == nil || index < 0 || index >= s.frames {
		return false
	}
	for _, f := range s.suspects[index] {
		if verify.Exposes(f.Box, s.bounds, regions) {
			return false
		}
	}
	return true
}
