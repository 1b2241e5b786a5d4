package pipeline

import (
	"context"
	"math"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/compositor"
	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/landmark"
	"github.com/ksamenet/ksamenet/core/tracker"
)

// carryMax is how many frames landmarks may be carried to a frame without any: over a bridged gap, or to the extended
// ends of a track. Farther away the face may look anywhere, and it is covered.
const carryMax = 15

// pose is a face in one frame, ready to be quantised and placed. outline is in patch coordinates, so that it can be
// carried and averaged independent of where the face is; it only says how large the mask must be.
type pose struct {
	ok      bool
	raw     appearance.Raw
	place   align.Placement
	outline []frame.Point
}

// draw says how the faces of the tracklets that are new since the last call are drawn. What was kept of their shapes, which is most of
// what a face takes in memory, is let go: a shot's when it ends, and not the film's.
func (a *Analyzer) draw(ctx context.Context, ended []tracker.Tracklet) error {
	for len(a.masks) < len(ended) {
		t := &ended[len(a.masks)]
		if err := settle(ctx, a.eyes.Landmark, t, a.sights); err != nil {
			return err
		}
		a.masks = append(a.masks, masksOf(t, a.sights))
		for _, e := range t.Entries {
			if e.Tag >= 0 {
				a.sights[e.Tag].face = nil
			}
		}
	}
	return nil
}

// calibrateMost is how many sights of a tracklet are calibrated together: ten minutes at 25 pictures a second, in 30 MB. A longer one
// is taken in equal pieces.
const calibrateMost = 15_000

// settle measures a tracklet's appearance anew against the person's own neutral face, and smooths appearance and
// placement in time, both directions being known.
func settle(ctx context.Context, by faceAnalyzer, t *tracker.Tracklet, sights []*sight) error {
	var faces []*packed
	for _, e := range t.Entries {
		if e.Tag >= 0 && sights[e.Tag].face != nil {
			faces = append(faces, sights[e.Tag].face)
		}
	}
	track := make([]landmark.Sample, len(faces))
	for n, pieces := 0, (len(faces)+calibrateMost-1)/calibrateMost; n < pieces; n++ {
		from, to := len(faces)*n/pieces, len(faces)*(n+1)/pieces
		for j := from; j < to; j++ {
			track[j] = faces[j].sample()
		}
		if err := by.Calibrate(ctx, track[from:to]); err != nil {
			return err
		}
		for j := from; j < to; j++ {
			track[j].Geometry = nil // which smoothing does not need, and memory does
		}
	}
	for j, f := range faces {
		if err := f.reseat(track[j].Placement); err != nil {
			return err
		}
	}
	landmark.Smooth(track)
	for j, f := range faces {
		f.raw, f.place = track[j].Raw, track[j].Placement
	}
	return nil
}

// masksOf are the masks of a settled tracklet's entries; nil where the face cannot be rendered.
func masksOf(t *tracker.Tracklet, sights []*sight) []*drawn {
	poses := measured(t, sights)
	steady(poses)
	carry(t, poses)
	masks := make([]*drawn, len(t.Entries))
	for i, p := range poses {
		if !p.ok || !p.raw.Finite() || !p.place.Finite() {
			continue
		}
		measured, m := make([]frame.Point, len(p.outline)), p.place.Matrix()
		for k, q := range p.outline {
			measured[k] = m.Apply(q)
		}
		d := drawnFor(rounded(p.place), appearance.Quantize(p.raw), measured)
		masks[i] = &d
	}
	settleSizes(masks)
	return masks
}

// facesOf are the faces of the decision list.
func facesOf(t *tracker.Tracklet, masks []*drawn) []decisions.Face {
	faces := make([]decisions.Face, len(t.Entries))
	for i, e := range t.Entries {
		f := &faces[i]
		*f = decisions.Face{Frame: e.Frame, Box: [4]float64{round2(e.Cover.X0), round2(e.Cover.Y0), round2(e.Cover.X1), round2(e.Cover.Y1)}}
		d := masks[i]
		if d == nil {
			continue
		}
		look, place := d.look, d.place // copies: the mask goes
		f.Look, f.Place, f.Oval = &look, &place, d.oval()
		if e.Kind != tracker.Observed {
			// Nobody saw the outline here: the face may be anywhere in the box that the tracker holds for it.
			f.Oval = append(f.Oval, ellipse(e.Box)...)
		}
	}
	return faces
}

// measured are the poses of the frames in which landmarks were found.
func measured(t *tracker.Tracklet, sights []*sight) []pose {
	poses := make([]pose, len(t.Entries))
	for i, e := range t.Entries {
		if e.Tag >= 0 && sights[e.Tag].face != nil {
			s := sights[e.Tag].face
			poses[i] = pose{ok: true, raw: s.raw, place: s.place, outline: s.outline()}
		}
	}
	return poses
}

// carry gives poses to frames without landmarks from the nearest frames that have some: relative to the tracker's box,
// which is known in every frame, and interpolated between two.
func carry(t *tracker.Tracklet, poses []pose) {
	last := -1
	for i := 0; i <= len(poses); i++ {
		if i < len(poses) && !poses[i].ok {
			continue
		}
		for j := last + 1; j < i; j++ {
			fromLast, fromNext := last >= 0 && j-last <= carryMax, i < len(poses) && i-j <= carryMax
			switch {
			case fromLast && fromNext:
				w := float64(j-last) / float64(i-last)
				poses[j] = blend(moved(t, poses, last, j), moved(t, poses, i, j), w)
			case fromLast:
				poses[j] = moved(t, poses, last, j)
			case fromNext:
				poses[j] = moved(t, poses, i, j)
			}
		}
		last = i
	}
	// A carried pose must not be taken for a measured one by a later carry: the loop above only ever reads measured ones,
	// since it fills each gap when it meets the gap's far end.
}

// moved is the pose of entry from, moved with the box to entry to.
func moved(t *tracker.Tracklet, poses []pose, from, to int) pose {
	p := poses[from]
	a, b := t.Entries[from].Box, t.Entries[to].Box
	s := math.Sqrt(b.Area() / a.Area())
	if !(s > 0) || math.IsInf(s, 0) {
		return pose{}
	}
	ca, cb := a.Center(), b.Center()
	p.place.X = cb.X + (p.place.X-ca.X)*s
	p.place.Y = cb.Y + (p.place.Y-ca.Y)*s
	p.place.Scale *= s
	return p
}

// blend is a for w = 0 and b for w = 1.
func blend(a, b pose, w float64) pose {
	mix := func(x, y float64) float64 { return x + (y-x)*w }
	out := pose{ok: a.ok && b.ok, outline: make([]frame.Point, len(a.outline))}
	for i := range a.raw.Expression {
		out.raw.Expression[i] = mix(a.raw.Expression[i], b.raw.Expression[i])
	}
	out.raw.GazeYaw, out.raw.GazePitch = mix(a.raw.GazeYaw, b.raw.GazeYaw), mix(a.raw.GazePitch, b.raw.GazePitch)
	out.raw.Yaw, out.raw.Pitch = mix(a.raw.Yaw, b.raw.Yaw), mix(a.raw.Pitch, b.raw.Pitch)
	out.place = a.place.Between(b.place, w)
	if len(a.outline) != len(b.outline) {
		return pose{}
	}
	for i := range out.outline {
		out.outline[i] = frame.Point{X: mix(a.outline[i].X, b.outline[i].X), Y: mix(a.outline[i].Y, b.outline[i].Y)}
	}
	return out
}

// ellipse is the outline of the ellipse in r.
func ellipse(r frame.Rect) [][2]float64 {
	const n = 16
	c := r.Center()
	out := make([][2]float64, n)
	for i := range out {
		s, k := math.Sincos(2 * math.Pi * float64(i) / n)
		out[i] = [2]float64{round1(c.X + k*r.W()/2), round1(c.Y + s*r.H()/2)}
	}
	return out
}

// surrounds are the measurements of what surrounds a tracklet's face, each weighted by the face's area and by trust. Beside
// a small face there is little skin and much wall; a large one shows the neck.
func surrounds(t *tracker.Tracklet, sights []*sight, trust float64) []compositor.Surround {
	var all []compositor.Surround
	for _, e := range t.Entries {
		if e.Tag >= 0 && sights[e.Tag].surround != nil && sights[e.Tag].surround.Seen > 0 {
			s := *sights[e.Tag].surround
			s.Seen *= trust * e.Box.Area()
			all = append(all, s)
		}
	}
	return all
}

// sightingOf is a tracklet's evidence of who it shows: the mean of its embeddings, weighted by their quality.
func sightingOf(t *tracker.Tracklet, sights []*sight) (sighting, float64) {
	s := sighting{shot: t.Shot, first: t.First, last: t.Last}
	var sum []float32
	best := 0.
	for _, e := range t.Entries {
		if e.Tag < 0 || sights[e.Tag].view == nil {
			continue
		}
		x := sights[e.Tag].view
		if sum == nil {
			sum = make([]float32, len(x.embedding))
		}
		for i, v := range x.embedding {
			sum[i] += float32(x.quality) * v
		}
		best = max(best, x.quality)
	}
	s.embedding = unit(sum)
	return s, best
}

// rounded is a placement as a decision list has it.
func rounded(p align.Placement) align.Placement {
	return align.Placement{X: round2(p.X), Y: round2(p.Y), Scale: round2(p.Scale), Roll: math.Round(p.Roll*1e4) / 1e4}
}

func round1(v float64) float64 { return math.Round(v*10) / 10 }
func round2(v float64) float64 { return math.Round(v*100) / 100 }
