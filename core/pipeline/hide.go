package pipeline

import (
	"errors"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/tracker"
	"github.com/ksamenet/ksamenet/core/verify"
)

// Reasons of covers that somebody else asked for.
const (
	WhyFound    = "found by the second detector"
	WhyImported = "imported"
)

// Hide adds covers to l for faces that another program found. They are joined over time and carried on at both ends as any track is,
// since a face that a detector sees now and then is there in between. why is said of the covers. They are nobody's: any of them may
// be a person who is known already, or none, so none is counted.
func Hide(cfg Config, l *decisions.List, found []verify.Finding, why string) error {
	return hide(hiding(cfg), l, found, nil, why)
}

// hiding is how covers are tracked.
func hiding(cfg Config) tracker.Config {
	c := trackerConfig(cfg)
	c.High, c.Low, c.MinHits, c.WeakHits = 1, .25, 1, 1 // a false alarm is covered too: nobody can say that it is one
	c.ExtendDoubt = c.Extend                            // whose a cover is does not matter
	return c
}

// finds are what the second detector saw in a film and a list does not hide.
type finds struct {
	lasting  []verify.Finding // what may be a face that was there before, and is there after
	brief    []verify.Finding // what the first detector does not see there, even closely: hands, torsos and patterns mostly
	doubtful []verify.Finding // start no cover, but go on with one: what is a face in one frame and nearly one in the next is hidden in both
}

// hide covers them. The second detector was asked about every picture, and saw nothing in those before and after: it may be there still,
// nearly seen. Carried along the course that a false alarm jumps, covers were half a picture wide.
func (f finds) hide(cfg Config, l *decisions.List) error {
	c := hiding(cfg)
	c.Reach = 0
	brief := c
	brief.Extend /= 6
	brief.ExtendDoubt, brief.Lost = brief.Extend, max(1, 2*brief.Extend)
	return errors.Join(hide(c, l, f.lasting, f.doubtful, WhyFound), hide(brief, l, f.brief, f.doubtful, WhyFound))
}

// hide covers finds that are tracked alike.
func hide(c tracker.Config, l *decisions.List, found, doubtful []verify.Finding, why string) error {
	if len(found) == 0 {
		return nil
	}
	linker, err := tracker.NewLinker(c)
	if err != nil {
		return err
	}
	cuts := map[int64]bool{} // not dissolves: what is seen in one belongs to either shot
	for _, s := range l.Shots {
		cuts[s.First] = !s.Dissolve
	}
	obs := map[int64][]tracker.Observation{}
	for i, fs := range [2][]verify.Finding{found, doubtful} {
		for _, f := range fs {
			obs[f.Frame] = append(obs[f.Frame], tracker.Observation{Box: f.Box, Score: [2]float64{1, .25}[i], Tag: len(obs[f.Frame])})
		}
	}
	for i := range l.Source.Frames {
		if err := linker.Add(tracker.Frame{Index: i, Cut: cuts[i], Obs: obs[i]}); err != nil {
			return err
		}
	}
	ts, err := linker.Finish()
	if err != nil {
		return err
	}
	track := 0
	for _, t := range l.Tracks {
		track = max(track, t.ID)
	}
	for i := range ts {
		track++
		t := decisions.Track{ID: track, Action: decisions.Cover, Why: why}
		for _, e := range ts[i].Entries {
			t.Faces = append(t.Faces, decisions.Face{Frame: e.Frame, Box: [4]float64{round2(e.Cover.X0), round2(e.Cover.Y0), round2(e.Cover.X1), round2(e.Cover.Y1)}})
		}
		l.Tracks = append(l.Tracks, t)
	}
	l.Source.Faces = l.Faces()
	return l.Validate()
}
