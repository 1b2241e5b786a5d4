package landmark

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/appearance"
)

// Sample is one picture's measurement of a tracked face, as calibration and smoothing take it.
type Sample struct {
	PTS       time.Duration
	Presence  float64
	Geometry  *Geometry // not nil; nobody changes it
	Raw       appearance.Raw
	Placement align.Placement
}

// Sample is what r leaves for its track.
func (r *Result) Sample(pts time.Duration) Sample {
	g := r.Geometry
	return Sample{PTS: pts, Presence: r.Presence, Geometry: &g, Raw: r.Raw, Placement: r.Placement}
}

// Reference is a person's neutral face, found in a track: what Calibrate measures expressions against. It holds a
// person's shape, as Geometry does.
type Reference [Coordinates]float32

const (
	minReference = 12       // frontal pictures that a reference is taken from, if there are as many: half a second
	maxReference = 400      // pictures that it is taken from at most, evenly spread
	frontalYaw   = 25. / 60 // beyond, the far side of the mesh is a guess
	frontalPitch = 20. / 30
)

// NeutralOf finds the neutral face of a track: the median of the calmer half of its frontal pictures, an iris standing at
// the middle of its eye. Where fewer than 12 pictures are frontal, all count in which a face was seen: the average face is no
// way out, since against it everybody's brows and lids stand where they stand in every recording (docs/attack.md).
// ok is false when there is no such picture.
func NeutralOf(track []Sample) (ref Reference, ok bool) {
	calm := seen(track)
	if len(calm) == 0 {
		return ref, false
	}
	slices.SortStableFunc(calm, func(a, b *Sample) int { return cmp.Compare(activity(a.Raw), activity(b.Raw)) })
	calm = calm[:max(min(minReference, len(calm)), (len(calm)+1)/2)]
	step := (len(calm) + maxReference - 1) / maxReference
	var column []float32
	for k := range ref {
		column = column[:0]
		for i := 0; i < len(calm); i += step {
			column = append(column, calm[i].Geometry[k])
		}
		slices.Sort(column)
		ref[k] = (column[(len(column)-1)/2] + column[len(column)/2]) / 2
	}
	for _, e := range eyes {
		for a := range 3 {
			var sum float32
			for i := e.contour; i < e.contour+16; i++ {
				sum += ref[3*i+a]
			}
			for i := e.iris; i < e.iris+5; i++ {
				ref[3*i+a] = sum / 16
			}
		}
	}
	return ref, true
}

// seen are the pictures of a track that tell of its rest: the frontal ones, or all with a face where those are too few.
func seen(track []Sample) (all []*Sample) {
	for i := range track {
		if s := &track[i]; s.frontal() {
			all = append(all, s)
		}
	}
	if len(all) >= minReference {
		return all
	}
	all = all[:0]
	for i := range track {
		if s := &track[i]; s.Presence >= Present {
			all = append(all, s)
		}
	}
	return all
}

// frontal says that a sample shows a face from the front, where the whole mesh can be believed.
func (s *Sample) frontal() bool {
	yaw, pitch := s.Geometry[Coordinates], s.Geometry[Coordinates+1]
	return s.Presence >= Present && yaw > -frontalYaw && yaw < frontalYaw && pitch > -frontalPitch && pitch < frontalPitch
}

// eyes are the places in watched where an eye's 16 contour points and its 5 iris points begin.
var eyes = [2]struct{ contour, iris int }{{40, 92}, {56, 97}}

// activity is how far a face is from neutral.
func activity(r appearance.Raw) (sum float64) {
	for _, v := range r.Expression {
		sum += v
	}
	return sum
}

// relative is g measured from ref.
func (g *Geometry) relative(ref *Reference) (r Geometry) {
	r = *g
	for i, v := range ref {
		r[i] -= v
	}
	r[Features-1] = 1
	return r
}

// upper are the units that are measured relative to a reference: those of eyes and brows. Where a brow stands and how far
// an eye opens differs more between people than an expression moves them (browUp: correlation .57 with a reference, .30
// without; a real blink: .82 against .59). The mouth's units gain less by it (smileOpen .78 against .73), and a track's
// median may well be a smile: they are always measured against the average face.
// Contradicting pairs (settle) lie wholly inside or outside of the list.
var upper = [...]int{3, 4, 5, 6, 7, 8} // eyeClose, eyeOpen, squint, browUp, browDown, browSad

// Relative is raw, the appearance read from g, with eyes and brows measured against the person's own neutral face.
func (a *Analyzer) Relative(ctx context.Context, g *Geometry, ref *Reference, raw appearance.Raw) (appearance.Raw, error) {
	rel := g.relative(ref)
	r, err := a.read(ctx, &rel)
	if err != nil {
		return raw, err
	}
	for _, u := range upper {
		raw.Expression[u] = r.Expression[u]
	}
	return raw, nil
}

// Calibrate measures a whole track anew, in place, against its own neutral face: a low brow is not a frown, and what the
// shape of eyes and brows could tell of identity is taken out (docs/guarantee.md, I9). Mouth and eyes open as far as they do
// beyond the track's own rest, other units show what they exceed theirs by, and so do gaze and pitch (level), to which the placement
// is fitted anew. It costs one run of the regressor per picture.
func (a *Analyzer) Calibrate(ctx context.Context, track []Sample) error {
	ref, ok := NeutralOf(track)
	r := restOf(track)
	for i := range track {
		if s := &track[i]; ok {
			raw, err := a.Relative(ctx, s.Geometry, &ref, s.Raw)
			if err != nil {
				return err
			}
			s.Raw = raw
		}
	}
	if err := a.head.level(track); err != nil {
		return err
	}
	for i := range track {
		s := &track[i]
		s.opening().open(&s.Raw.Expression, r, trust(s.Geometry.yaw()))
	}
	return nil
}
