package tracker

import (
	"math"
	"slices"

	"github.com/ksamenet/ksamenet/core/frame"
)

// tangle remembers that a track went unseen where another face was: it may come out on either side.
type tangle struct {
	with      *Track
	mine      frame.Point // velocities when it began, pixels per frame
	theirs    frame.Point
	smoothRun int // their matches without a jump, when it began
}

const (
	tangleIoU  = 0.15 // overlap with a neighbour from which an unseen face may be behind it
	slowPass   = 0.03 // relative speed, sizes per frame, below which a crossing cannot be told from a turn back
	steadyTurn = 0.35 // change of the neighbour's velocity, in relative speeds, that a straight crossing may show
	sureSpread = 0.5  // uncertainty of a rival's position, in sizes, above which its claim says nothing
	shortMiss  = 3    // frames unseen in which faces cannot turn back: position alone decides
	clearLead  = 0.1  // lead in similarity that settles a doubt
)

func (t *Track) velocity() frame.Point { return frame.Point{X: t.m[0].v, Y: t.m[1].v} }

// doubts withdraws every assignment that could as well be an exchange of two faces. The tracks concerned end as Ambiguous
// and the observations start new ones.
func (k *Tracker) doubts(index int64) {
	s := &k.s
	for c, t := range s.owner {
		if t == nil || !t.wasSure {
			continue
		}
		if t.tangle.with != nil && t.misses > shortMiss && !k.untangled(c, t, index) {
			k.split(c, t, t.tangle.with)
		}
	}
	for r, t := range k.tracks {
		c := slices.Index(s.owner, t)
		if c < 0 || !t.wasSure || t.retired {
			continue
		}
		doubtful := t.misses > 0 || s.cost[r*len(s.obs)+c] > tightCost
		for r2, rival := range k.tracks {
			if rival == t || !rival.takes() || !rival.wasSure {
				continue
			}
			if k.contested(r, c, r2, slices.Index(s.owner, rival), doubtful) && !k.toldApart(t, rival, c, index) {
				k.split(c, t, rival)
			}
		}
		if doubtful && s.owner[c] == t {
			k.alternatives(r, c, t, index)
		}
	}
	k.entangle()
}

// contested says that giving observation c to track r costs hardly less than the exchange with track r2 (which has
// observation c2, or none).
func (k *Tracker) contested(r, c, r2, c2 int, doubtful bool) bool {
	s, n := &k.s, len(k.s.obs)
	if c2 >= 0 {
		swapped := s.cost[r*n+c2] + s.cost[r2*n+c]
		return swapped-s.cost[r*n+c]-s.cost[r2*n+c2] < k.cfg.Margin
	}
	rival := k.tracks[r2]
	if !doubtful && rival.m.spread() > sureSpread*rival.m.height() {
		return false
	}
	return s.cost[r2*n+c]-s.cost[r*n+c] < k.cfg.Margin
}

// alternatives splits t when another free observation would have suited it as well.
func (k *Tracker) alternatives(r, c int, t *Track, index int64) {
	s, n := &k.s, len(k.s.obs)
	for other := range s.sure {
		if s.owner[other] != nil || other == c || s.cost[r*n+other]-s.cost[r*n+c] >= k.cfg.Margin {
			continue
		}
		if !k.clearly(t, &s.obs[c], &s.obs[other], index) {
			k.split(c, t, nil)
			return
		}
	}
}

// split ends t in doubt, and rival with it; observation c, and the rival's, start new tracks.
func (k *Tracker) split(c int, t, rival *Track) {
	s := &k.s
	ids := []int{t.ID}
	if rival != nil {
		ids = append(ids, rival.ID)
		if rival.takes() {
			rival.retire(t)
		}
		if c2 := slices.Index(s.owner, rival); c2 >= 0 {
			s.owner[c2], s.born[c2] = nil, ids
		}
	}
	t.retire(rival)
	s.owner[c], s.born[c] = nil, ids
}

// claims are the IDs of the tracks that a new track on o may continue: those split from it in this frame, and those that
// ended in doubt near by and have not been found since.
func (k *Tracker) claims(o *Observation, born []int) []int {
	ids := slices.Clone(born)
	for _, t := range k.tracks {
		if !t.retired || t.State == Removed || slices.Contains(ids, t.ID) {
			continue
		}
		if k.cost(t, t.m.box(), o) < forbidden || k.cost(t, shift(t.lastBox, t.camera), o) < forbidden {
			ids = append(ids, t.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

func (t *Track) retire(rival *Track) {
	t.Ambiguous, t.retired = true, true
	if rival != nil && !slices.Contains(t.Rivals, rival.ID) {
		t.Rivals = append(t.Rivals, rival.ID)
	}
}

// toldApart asks for the appearance of two rivals: true when observation c is t's face and not the rival's.
func (k *Tracker) toldApart(t, rival *Track, c int, index int64) bool {
	if k.cfg.Similarity == nil {
		return false
	}
	o := &k.s.obs[c]
	mine, ok := k.cfg.Similarity(t, index, o)
	theirs, ok2 := k.cfg.Similarity(rival, index, o)
	return ok && ok2 && mine >= k.cfg.Same && mine-theirs >= clearLead
}

// clearly says that o is t's face and other is not.
func (k *Tracker) clearly(t *Track, o, other *Observation, index int64) bool {
	if k.cfg.Similarity == nil {
		return false
	}
	a, ok := k.cfg.Similarity(t, index, o)
	b, ok2 := k.cfg.Similarity(t, index, other)
	return ok && ok2 && a >= k.cfg.Same && a-b >= clearLead
}

// untangled says that t, which went unseen behind another face and now has observation c, came out where it must have:
// the other was seen all the time on a steady course, the two moved against each other, and t is where it was expected.
// Else both "they crossed" and "both turned back" explain the picture, and only appearance can tell.
func (k *Tracker) untangled(c int, t *Track, index int64) bool {
	s, g := &k.s, &t.tangle
	if k.toldApart(t, g.with, c, index) {
		return true
	}
	relX, relY := g.mine.X-g.theirs.X, g.mine.Y-g.theirs.Y
	relative := math.Hypot(relX, relY)
	now := g.with.velocity()
	turn := math.Hypot(now.X-g.theirs.X, now.Y-g.theirs.Y)
	r := slices.Index(k.tracks, t)
	return relative > slowPass*t.m.height() && turn < steadyTurn*relative &&
		g.with.misses == 0 && g.with.smoothRun-g.smoothRun >= t.misses-1 &&
		s.cost[r*len(s.obs)+c] < tightCost
}

// entangle notes which of the tracks that were not seen in this frame may be behind another face, and which matches were
// jumps.
func (k *Tracker) entangle() {
	s := &k.s
	for r, t := range k.tracks {
		if c := slices.Index(s.owner, t); c >= 0 {
			if s.cost[r*len(s.obs)+c] < smallStep {
				t.smoothRun++
			}
			continue
		}
		if !t.takes() || !t.wasSure || t.tangle.with != nil {
			continue
		}
		box := t.m.box()
		for _, other := range k.tracks {
			if other != t && other.takes() && other.wasSure && box.IoU(other.m.box()) > tangleIoU {
				t.tangle = tangle{with: other, mine: t.velocity(), theirs: other.velocity(), smoothRun: other.smoothRun}
				break
			}
		}
	}
}
