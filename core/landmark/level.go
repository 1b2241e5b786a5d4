package landmark

import (
	"slices"

	"github.com/ksamenet/ksamenet/core/appearance"
)

// The regressor takes the way a mouth is made for a little expression, and the way eyes are set for a gaze: the same in every
// recording of a person, which tells whose recording it is (docs/attack.md). On two recordings each of 60 synthetic people, lit and
// acted differently, the means correlate by .71 for smileClose, .43 for pucker and .66 for the gaze's pitch, with standard
// deviations of .07, .02 and 1.2 degrees.
const (
	// restingShare of a track's pictures show a unit at rest.
	restingShare = .2
	// mostUnit and mostGaze, degrees, bound what counts as a person's own: beyond, it is a face that smiles throughout, or looks aside.
	mostUnit = .2
	mostGaze = 3.
)

// level measures the units and the gaze of a track from where they rest, in place: units from their lower fifth, a full
// expression staying one, the gaze from its median. It comes before opening.open, which then makes good what of an open mouth
// was in the units.
func level(track []Sample) {
	all := seen(track)
	if len(all) == 0 {
		return
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
	for i := range track {
		r := &track[i].Raw
		for u, v := range rest {
			r.Expression[u] = max(0, r.Expression[u]-v) / (1 - v)
		}
		r.GazeYaw, r.GazePitch = r.GazeYaw-yaw, r.GazePitch-pitch
	}
}

// leveler is level for a track as it comes. A unit's rest is the lowest seen of late, and the gaze's a slow mean. Brows have no
// reference in a stream, and more of theirs counts as a person's own.
type leveler struct {
	begun      bool
	rest       [appearance.Units]float64
	yaw, pitch float64
}

// mostBrow is mostUnit for brows that are measured against the average face: their means reach .5 (browUp, 60 synthetic people).
const mostBrow = .5

// The rest of a stream's units follows lower ones at once and higher ones by restRise a picture, from nothing to mostUnit in 20 s of 25
// a second; the gaze's follows by gazeDrift of the difference, in some 8 s.
const (
	restRise  = mostUnit / 500
	gazeDrift = 1. / 200
)

// next levels the track's next appearance, in place. One that is not finite, of a face that will be covered, teaches nothing.
func (l *leveler) next(r *appearance.Raw) {
	if !r.Finite() {
		return
	}
	if !l.begun {
		l.begun, l.yaw, l.pitch = true, r.GazeYaw, r.GazePitch
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
	l.yaw = clamp(l.yaw+gazeDrift*(r.GazeYaw-l.yaw), -mostGaze, mostGaze)
	l.pitch = clamp(l.pitch+gazeDrift*(r.GazePitch-l.pitch), -mostGaze, mostGaze)
	r.GazeYaw, r.GazePitch = r.GazeYaw-l.yaw, r.GazePitch-l.pitch
}
