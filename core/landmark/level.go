package landmark

import (
	"slices"

	"github.com/ksamenet/ksamenet/core/appearance"
)

// The regressor takes the way a mouth is made for a little expression, and the way eyes are set for a gaze: the same in every
// recording of a person, which tells whose recording it is (docs/attack.md). On two recordings each of 60 synthetic people, lit and
// acted differently, the means correlate by .71 for smileClose, .43 for pucker and .66 for the gaze's pitch, with standard
// deviations of .07, .02 and 1.2 degrees. The head's pitch has such an offset too: a deviation of 3.5 degrees, and a correlation of .51
// where the recordings' own pitch has as much again.
const (
	// restingShare of a track's pictures show a unit at rest.
	restingShare = .2
	// mostUnit, mostGaze and mostPitch, degrees, bound what counts as a person's own: beyond, it is a face that smiles throughout, looks
	// aside, or is bent.
	mostUnit  = .2
	mostGaze  = 3.
	mostPitch = 8.
)

// level measures the units, the gaze and the pitch of a track from where they rest, in place: units from their lower fifth, a full
// expression staying one, gaze and pitch from their median. It comes before opening.open, which then makes good what of an open
// mouth was in the units.
func (h *Head) level(track []Sample) error {
	all := seen(track)
	if len(all) == 0 {
		return nil
	}
	column := make([]float64, len(all))
	quantile := func(share float64, of func(*appearance.Raw) float64) float64 {
		for i, s := range all {
			column[i] = of(&s.Raw)
		}
		slices.Sort(column)
		return column[int(share*float64(len(column)-1))]
	}
	var rest [appearance.Units]float64
	for u := range rest {
		rest[u] = clamp(quantile(restingShare, func(r *appearance.Raw) float64 { return r.Expression[u] }), 0, mostUnit)
	}
	yaw := clamp(quantile(.5, func(r *appearance.Raw) float64 { return r.GazeYaw }), -mostGaze, mostGaze)
	pitch := clamp(quantile(.5, func(r *appearance.Raw) float64 { return r.GazePitch }), -mostGaze, mostGaze)
	bent := clamp(quantile(.5, func(r *appearance.Raw) float64 { return r.Pitch }), -mostPitch, mostPitch)
	for i := range track {
		r := &track[i].Raw
		for u, v := range rest {
			r.Expression[u] = max(0, r.Expression[u]-v) / (1 - v)
		}
		r.GazeYaw, r.GazePitch = r.GazeYaw-yaw, r.GazePitch-pitch
		if err := h.raise(&track[i], bent); err != nil {
			return err
		}
	}
	return nil
}

// raise takes degrees off the pitch of s, and moves its placement so that the head stays where it was.
func (h *Head) raise(s *Sample, degrees float64) error {
	to := s.Raw.Pitch - degrees
	p, err := h.reseat(s.Placement, s.Raw.Yaw, s.Raw.Pitch, to)
	if err != nil {
		return err
	}
	s.Raw.Pitch, s.Placement = to, p
	return nil
}

// leveler is level for a track as it comes. A unit's rest is the lowest seen of late, and the gaze's and the pitch's a slow mean. Brows have no
// reference in a stream, and more of theirs counts as a person's own.
type leveler struct {
	begun            bool
	rest             [appearance.Units]float64
	yaw, pitch, bent float64
}

// mostBrow is mostUnit for brows that are measured against the average face: their means reach .5 (browUp, 60 synthetic people).
const mostBrow = .5

// The rest of a stream's units follows lower ones at once and higher ones by restRise a picture, from nothing to mostUnit in 20 s of 25
// a second; the gaze's and the pitch's follow by restDrift of the difference, in some 8 s.
const (
	restRise  = mostUnit / 500
	restDrift = 1. / 200
)

// next levels the track's next appearance, in place. One that is not finite, of a face that will be covered, teaches nothing.
func (l *leveler) next(h *Head, s *Sample) error {
	r := &s.Raw
	if !r.Finite() || !s.Placement.Finite() {
		return nil
	}
	if !l.begun {
		l.begun, l.yaw, l.pitch, l.bent = true, r.GazeYaw, r.GazePitch, r.Pitch
		l.rest = r.Expression
	}
	for u, v := range r.Expression {
		most := mostUnit
		if u >= squint && u <= browSad {
			most = mostBrow
		}
		l.rest[u] = clamp(min(v, l.rest[u]+restRise), 0, most)
		r.Expression[u] = max(0, v-l.rest[u]) / (1 - l.rest[u])
	}
	l.yaw = clamp(l.yaw+restDrift*(r.GazeYaw-l.yaw), -mostGaze, mostGaze)
	l.pitch = clamp(l.pitch+restDrift*(r.GazePitch-l.pitch), -mostGaze, mostGaze)
	l.bent = clamp(l.bent+restDrift*(r.Pitch-l.bent), -mostPitch, mostPitch)
	r.GazeYaw, r.GazePitch = r.GazeYaw-l.yaw, r.GazePitch-l.pitch
	return h.raise(s, l.bent)
}
