package pipeline

import (
	"context"
	"slices"
	"time"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/detector"
	"github.com/ksamenet/ksamenet/core/frame"
)

const (
	// alarmScore is what the second detector's word counts alone: fists and prints pass for faces with it, some of them with
	// landmarks. A track needs the first detector's doubt at least to be believed, else it is a cover, and nobody's.
	alarmScore = doubtful + 0.01
)

// heed notes what the second detector found in the original, asked as it will be asked about the output. What no track hides
// in the end is covered (hideAlarms), for the watch over the output would find it, and the file would have to be rendered
// twice. It is no observation: weak sights of a face that is half behind another one took a track from one to the other.
//
// The first detector, looking closely, says whether a find lasts (finds): of 63 finds in three films of people who sign, hands and prints, it
// saw six. What nearly is a face where nobody is counts as one only if it does; beside faces it counts
// anyhow: a print that the output shows as one has to be hidden there, and everybody rendered once more.
func (a *Analyzer) heed(ctx context.Context, pic *frame.Picture, g glance) error {
	start := time.Now()
	var asked []answer
	for _, d := range g.alarms {
		face := false
		if d.Score >= alarmNear && !overlaps(a.now, d.Box) {
			if i := slices.IndexFunc(a.asked, func(o answer) bool { return o.box == d.Box }); i >= 0 {
				face = a.asked[i].face // nothing has changed there
			} else {
				seen, err := a.eyes.Near.Near(ctx, pic, d.Box, 0)
				if err != nil {
					return err
				}
				face = slices.ContainsFunc(seen, func(s detector.Detection) bool { return s.Box.IoU(d.Box) >= followIoU })
			}
			asked = append(asked, answer{d.Box, face})
			if d.Score < alarmLeast && len(a.now) == 0 && !face {
				d.Score = watchDoubt
			}
		}
		a.assured.suspect(g.index, d, face)
	}
	a.asked = asked
	a.times.count(StageDetect, start)
	for _, b := range g.passed {
		a.assured.suspect(g.index, detector.Detection{Box: b}, false)
	}
	return nil
}

// answer is what the first detector said of a place.
type answer struct {
	box  frame.Rect
	face bool
}

// weigh takes the first detector's word, looking closely, for what the second one's wide look found: white stripes of a jacket were a face
// to it, and became a person. What the first does not see is a suspect that lasts, and no face.
func (a *Analyzer) weigh(ctx context.Context, pic *frame.Picture, d *detector.Detection) error {
	seen, err := a.eyes.Near.Near(ctx, pic, d.Box, 0)
	if err != nil {
		return err
	}
	own := 0.
	for _, s := range seen {
		if s.Box.IoU(d.Box) >= followIoU {
			own = max(own, s.Score)
		}
	}
	if own < sure {
		a.assured.suspect(pic.Index, *d, true)
	}
	d.Score = max(own, alarmScore)
	return nil
}

// hideAlarms covers what the second detector saw and l neither renders, covers nor keeps, with what nearly is a face in the
// same place: in the output, which is coded anew, it may well be one.
func (a *Analyzer) hideAlarms(l *decisions.List) error {
	return a.assured.open(l).hide(a.cfg, l)
}
