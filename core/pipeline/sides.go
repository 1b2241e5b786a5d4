package pipeline

import (
	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/decisions"
)

// smallSide is the side of the small generator's patches, texels; a larger face is asked for with twice as many.
const smallSide = 128

// A small patch serves until it is laid over more than sideReach as many pixels; in a stream that is in a hurry (DetailFast), over
// more than fastReach pixels, chosen by eye: up to there expression and gaze read as well, lashes and brows are softer.
// A live face that has grown beyond that, but less than sideHold as far, keeps what it wears.
const (
	sideReach = 1.125
	fastReach = 400 // px of the patch: a face some 320 px high
	sideHold  = 1.24
)

// sides says, by track, how many texels its surrogate has. Two models render a surrogate a little differently, so a track,
// which lies in one shot, is decided once by its largest face; live, where what comes is not known, it may change once, to
// the larger. Nothing but the face's size on the picture, which the mask shows anyway, enters.
type sides struct {
	track map[int]int
	wide  map[int]float64                 // the track's widest patch, px
	reach float64                         // px across up to which a small patch serves
	held  map[int][]appearance.Appearance // by track: looks of its faces, where they are held (sides.look)
}

func newSides(detail string) sides {
	s := sides{map[int]int{}, map[int]float64{}, smallSide * sideReach, map[int][]appearance.Appearance{}}
	if detail == DetailFast {
		s.reach = fastReach
	}
	return s
}

// of is the side for a face to be replaced.
func (s sides) of(j decisions.Job) int {
	had := s.track[j.Track.ID]
	if had == 0 || had == smallSide && len(j.Track.Faces) == 0 && j.Face.Place.Scale > s.reach*sideHold {
		s.track[j.Track.ID], s.wide[j.Track.ID] = smallSide, largest(j)
		if s.wide[j.Track.ID] > s.reach {
			s.track[j.Track.ID] = 2 * smallSide
		}
	}
	return s.track[j.Track.ID]
}

// largest is the side of the widest patch of the job's track, px; a live track is known by its present face only.
func largest(j decisions.Job) float64 {
	scale := j.Face.Place.Scale
	for _, f := range j.Track.Faces {
		if f.Place != nil {
			scale = max(scale, f.Place.Scale)
		}
	}
	return scale
}
