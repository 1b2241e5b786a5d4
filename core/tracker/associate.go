package tracker

import (
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

// Limits of association costs. A cost is about 0 for a perfect match, 0.1 for boxes a tenth of their size apart, 0.25 at
// 0.3, 0.36 at 0.5, 0.6 at one size and 0.7 at two.
const (
	tightCost = 0.40 // boxes clearly overlap
	weakCost  = 0.45 // the most that an unsure observation may cost
	looseCost = 1.50 // whatever passes the gate
	smallStep = 0.20 // an ordinary frame-to-frame cost: noise, no jump

	tentativeCost = 0.08 // handicap of a track that may be a false alarm
	missedCost    = 0.04 // handicap of a track that was not seen in the last frame
)

// scratch is the memory of one Update.
type scratch struct {
	obs   []Observation // sorted; the first sure ones have a high score
	sure  int
	owner []*Track // of each observation
	born  [][]int  // rivals of the track that observation i must start, nil elsewhere

	cost  []float64 // full costs: every track x every observation
	tight []float64 // costs of one stage
	rows  []int     // tracks of one stage
	cols  []int     // observations of one stage
	pick  []int
	lap   assigner
	shift shiftScratch
}

// associate gives observations to tracks, in stages: tight matches of sure observations, loose ones, then unsure
// observations for what is left, then the last seen place for tracks that had stopped.
func (k *Tracker) associate(index int64) {
	s := &k.s
	if d := k.cameraShift(); d != (frame.Point{}) {
		for _, t := range k.tracks {
			t.m[0].p += d.X
			t.m[1].p += d.Y
			t.camera.X += d.X
			t.camera.Y += d.Y
		}
	}
	k.costs()
	k.stage(0, s.sure, tightCost, index)
	k.stage(0, s.sure, looseCost, index)
	k.stage(s.sure, len(s.obs), weakCost, index)
	k.revisit(index)
	k.doubts(index)
	for i, t := range s.owner {
		if t != nil {
			t.observe(index, &s.obs[i])
		}
	}
}

func (t *Track) takes() bool { return t.State != Removed && !t.retired }

// costs fills the matrix of all tracks and all observations.
func (k *Tracker) costs() {
	s := &k.s
	s.cost = resize(s.cost, len(k.tracks)*len(s.obs))
	for r, t := range k.tracks {
		box := t.m.box()
		for c := range s.obs {
			p := &s.cost[r*len(s.obs)+c]
			*p = forbidden
			if t.takes() {
				*p = k.cost(t, box, &s.obs[c])
			}
		}
	}
}

// cost is the price of giving o to t, whose predicted box is box; forbidden outside the gate.
func (k *Tracker) cost(t *Track, box frame.Rect, o *Observation) float64 {
	cfg := &k.cfg
	size := (math.Sqrt(box.Area()) + math.Sqrt(o.Box.Area())) / 2
	a, b := box.Center(), o.Box.Center()
	distance := math.Hypot(a.X-b.X, a.Y-b.Y)
	if distance > size*min(cfg.Gate, cfg.MaxJump)+min(3*t.m.spread(), size*(cfg.MaxJump-cfg.Gate)) {
		return forbidden
	}
	scale := math.Abs(math.Log(o.Box.H() / box.H()))
	if scale > math.Log(cfg.MaxScale) {
		return forbidden
	}
	// 1 - DIoU (Zheng et al., AAAI 2020) over two: still ordered by distance where boxes no longer overlap.
	hull := box.Union(o.Box)
	reach := hull.W()*hull.W() + hull.H()*hull.H()
	c := (1-box.IoU(o.Box)+distance*distance/reach)/2 + 0.2*scale
	if t.misses > 0 {
		c += missedCost
	}
	if !t.wasSure {
		c += tentativeCost
	}
	return c
}

// looksOther asks for the appearance where the match of t and o, at cost c, is not an ordinary step: true when it is
// another face.
func (k *Tracker) looksOther(t *Track, o *Observation, c float64, index int64) bool {
	if k.cfg.Similarity == nil || (t.misses == 0 && c <= smallStep) {
		return false
	}
	sim, ok := k.cfg.Similarity(t, index, o)
	return ok && sim < k.cfg.Different
}

// stage assigns the still free observations lo..hi-1 to the still free tracks, up to limit. Pairs that appearance denies
// are struck out, and the rest is assigned again; each round strikes out one at least, so it ends.
func (k *Tracker) stage(lo, hi int, limit float64, index int64) {
	for !k.round(lo, hi, limit, index) {
	}
}

// round is one try of stage; true when appearance denied nothing.
func (k *Tracker) round(lo, hi int, limit float64, index int64) bool {
	s := &k.s
	s.rows, s.cols = s.rows[:0], s.cols[:0]
	for r, t := range k.tracks {
		if t.takes() && !k.owns(t) && !(limit == looseCost && k.outbid(r)) {
			s.rows = append(s.rows, r)
		}
	}
	for c := lo; c < hi; c++ {
		if s.owner[c] == nil {
			s.cols = append(s.cols, c)
		}
	}
	if len(s.rows) == 0 || len(s.cols) == 0 {
		return true
	}
	s.tight = resize(s.tight, len(s.rows)*len(s.cols))
	s.pick = resize(s.pick, len(s.rows))
	for i, r := range s.rows {
		for j, c := range s.cols {
			v := s.cost[r*len(s.obs)+c]
			if v > limit {
				v = forbidden
			}
			s.tight[i*len(s.cols)+j] = v
		}
	}
	s.lap.solve(s.tight, len(s.rows), len(s.cols), limit, s.pick)
	agreed := true
	for i, j := range s.pick {
		if j < 0 {
			continue
		}
		r, c := s.rows[i], s.cols[j]
		price := &s.cost[r*len(s.obs)+c]
		if k.looksOther(k.tracks[r], &s.obs[c], *price, index) {
			*price, agreed = forbidden, false
			continue
		}
		s.owner[c] = k.tracks[r]
	}
	return agreed
}

// outbid says that another track took an observation that suited track r well. Its face may be that one or be hidden; a jump
// to whatever is left would be an exchange in the making.
func (k *Tracker) outbid(r int) bool {
	s := &k.s
	for c := range s.sure {
		if s.owner[c] != nil && s.cost[r*len(s.obs)+c] <= tightCost {
			return true
		}
	}
	return false
}

func (k *Tracker) owns(t *Track) bool {
	for _, o := range k.s.owner {
		if o == t {
			return true
		}
	}
	return false
}

// revisit looks for tracks that were unseen for a while at the place of their last observation, where a face that stopped
// behind something shows again (OC-SORT's recovery, section 4.3).
func (k *Tracker) revisit(index int64) {
	s := &k.s
	for r, t := range k.tracks {
		if !t.takes() || t.misses == 0 || k.owns(t) {
			continue
		}
		from := shift(t.lastBox, t.camera)
		best, at := tightCost, -1
		for c := range s.sure {
			if s.owner[c] != nil {
				continue
			}
			if v := k.cost(t, from, &s.obs[c]); v < best && !k.looksOther(t, &s.obs[c], v, index) {
				best, at = v, c
			}
		}
		if at >= 0 {
			s.owner[at] = t
			s.cost[r*len(s.obs)+at] = best
		}
	}
}

// history remembers where a track was observed lately.
type history struct {
	at  [historyLen]int64
	box [historyLen]frame.Rect
	n   int // observations ever added
}

const historyLen = 64

func (h *history) add(index int64, b frame.Rect) {
	h.at[h.n%historyLen], h.box[h.n%historyLen] = index, b
	h.n++
}
