package pipeline

import "github.com/ksamenet/ksamenet/core/decisions"

// smallSide is the side of the small generator's patches, texels; a larger face is asked for with twice as many.
const smallSide = 128

// A small patch serves until it is laid over more than sideReach as many pixels. A live face that has grown beyond that,
// but less than sideHold, keeps what it wears.
const (
	sideReach = 1.125
	sideHold  = 1.4
)

// sides says, by track, how many texels its surrogate has. Two models render a surrogate a little differently, so a track,
// which lies in one shot, is decided once by its largest face; live, where what comes is not known, it may change once, to
// the larger. Nothing but the face's size on the picture, which the mask shows anyway, enters.
type sides map[int]int

// of is the side for a face to be replaced.
func (s sides) of(j decisions.Job) int {
	had := s[j.Track.ID]
	if had == 0 || had == smallSide && len(j.Track.Faces) == 0 && j.Face.Place.Scale > smallSide*sideHold {
		s[j.Track.ID] = smallSide
		if largest(j) > smallSide*sideReach {
			s[j.Track.ID] = 2 * smallSide
		}
	}
	return s[j.Track.ID]
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
