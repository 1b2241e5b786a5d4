package pipeline

import (
	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/detector"
	"github.com/ksamenet/ksamenet/core/frame"
)

const (
	// alarmScore is what the second detector's word counts alone: fists and prints pass for faces with it, some of them with
	// landmarks. A track needs the first detector's doubt at least to be believed, else it is a cover, and nobody's.
	alarmScore = doubtful + 0.01
	// plainSide is the height, in the first detector's picture, from which that one should have seen a face.
	plainSide = 32
)

// heed notes what the second detector found in the original, asked as it will be asked about the output. What no track hides
// in the end is covered (hideAlarms), for the watch over the output would find it, and the file would have to be rendered
// twice. It is no observation: weak sights of a face that is half behind another one took a track from one to the other.
func (a *Analyzer) heed(g glance) {
	for _, d := range g.alarms {
		a.assured.suspect(g.index, d)
	}
	for _, b := range g.passed {
		a.assured.suspect(g.index, detector.Detection{Box: b})
	}
}

// weigh lowers the word of the second detector's wide look on a face so large that the first detector, which has just looked,
// should have seen it; and notes it.
func (a *Analyzer) weigh(pic *frame.Picture, d *detector.Detection) {
	if scale := float64(a.cfg.DetectSide) / float64(max(pic.W, pic.H)); d.Box.H()*min(scale, 1) >= plainSide {
		a.assured.suspect(pic.Index, *d)
		d.Score = alarmScore
	}
}

// hideAlarms covers what the second detector saw and l neither renders, covers nor keeps, with what nearly is a face in the
// same place: in the output, which is coded anew, it may well be one.
func (a *Analyzer) hideAlarms(l *decisions.List) error {
	faces, doubtful := a.assured.open(l)
	return Hide(a.cfg, l, faces, doubtful, WhyFound)
}
