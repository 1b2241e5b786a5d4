package tracker

import (
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

// sample is one frame of a tracklet before smoothing; obs is nil where nothing was observed.
type sample struct {
	obs *Observation
	m   motion // smoothed
}

// smoothDrift tames the process noise for smoothing: the future is known, so the path may be stiffer than online, where
// the filter must follow at once.
const smoothDrift = 0.5

// coreShare is the middle part of an observed box, of its width and height, that a smoothed box always holds.
const coreShare = 0.6

// smooth runs the Kalman filter forward and the Rauch-Tung-Striebel recursion backward (AIAA Journal 3(8), 1965) over
// successive frames. The first sample must be observed.
func smooth(s []sample) {
	filtered := make([]motion, len(s))
	expected := make([]motion, len(s))
	m := newMotion(s[0].obs.Box, s[0].obs.Score)
	filtered[0], expected[0] = m, m
	for i := 1; i < len(s); i++ {
		q := drift(m.height())
		for a := range m {
			m[a].predict(1, smoothDrift*q[a])
		}
		expected[i] = m
		if o := s[i].obs; o != nil {
			m.update(o.Box, o.Score)
		}
		filtered[i] = m
	}
	last := len(s) - 1
	s[last].m = filtered[last]
	for i := last - 1; i >= 0; i-- {
		for a := range s[i].m {
			s[i].m[a] = rts(filtered[i][a], expected[i+1][a], s[i+1].m[a])
		}
	}
}

// rts is one backward step: f filtered at i, e expected at i+1 from f, n smoothed at i+1. One frame apart.
func rts(f, e, n axis) axis {
	det := e.pp*e.vv - e.pv*e.pv
	if !(det > 1e-300) {
		return f
	}
	// C = P F' E^-1 with F' = [1 0; 1 1].
	a, b, c, d := f.pp+f.pv, f.pv, f.pv+f.vv, f.vv
	c00, c01 := (a*e.vv-b*e.pv)/det, (b*e.pp-a*e.pv)/det
	c10, c11 := (c*e.vv-d*e.pv)/det, (d*e.pp-c*e.pv)/det
	dp, dv := n.p-e.p, n.v-e.v
	dpp, dpv, dvv := n.pp-e.pp, n.pv-e.pv, n.vv-e.vv
	return axis{
		p:  f.p + c00*dp + c01*dv,
		v:  f.v + c10*dp + c11*dv,
		pp: f.pp + c00*c00*dpp + 2*c00*c01*dpv + c01*c01*dvv,
		pv: f.pv + c00*c10*dpp + (c00*c11+c01*c10)*dpv + c01*c11*dvv,
		vv: f.vv + c10*c10*dpp + 2*c10*c11*dpv + c11*c11*dvv,
	}
}

// holdCore widens b until it holds the middle of the observed box.
func holdCore(b, observed frame.Rect) frame.Rect {
	cut := (1 - coreShare) / 2
	return b.Union(observed.Grow(-cut, -cut))
}

// tracklet fills a chain: every frame between its observations, and the extension at both ends.
func (c *Config) tracklet(s *shot, ch *chain) Tracklet {
	first, last := s.nodes[ch.nodes[0]].index, s.nodes[ch.nodes[len(ch.nodes)-1]].index
	best := &s.nodes[ch.best(s)]
	t := Tracklet{
		Confirmed: c.confirmed(len(ch.nodes), best.obs.Score), Ambiguous: ch.openStart || ch.openEnd,
		First: first, Last: last, Hits: len(ch.nodes),
		BestFrame: best.index, BestTag: best.obs.Tag, BestScore: best.obs.Score,
	}
	samples := make([]sample, last-first+1)
	for _, n := range ch.nodes {
		samples[s.nodes[n].index-first].obs = &s.nodes[n].obs
	}
	smooth(samples)

	before, after := c.reach(&t, ch.openStart), c.reach(&t, ch.openEnd)
	before = min(before, int(first-s.from))
	if !s.dissolves {
		after = min(after, int(s.last-last))
	}
	t.Entries = make([]Entry, 0, before+len(samples)+after)
	for n := before; n > 0; n-- {
		t.extend(c, &samples[0], -n, first)
	}
	from := 0
	for i := range samples {
		e := Entry{Frame: first + int64(i), Box: samples[i].m.box(), Tag: -1}
		if o := samples[i].obs; o != nil {
			from = i
			e.Kind, e.Score, e.Tag = Observed, o.Score, o.Tag
			e.Box = holdCore(e.Box, o.Box)
			e.Cover = e.Box.Union(o.Box)
		} else {
			to := i
			for samples[to].obs == nil {
				to++
			}
			c.bridge(&e, samples[from].obs, samples[to].obs, i-from, to-i)
		}
		t.Entries = append(t.Entries, e)
	}
	for n := 1; n <= after; n++ {
		t.extend(c, &samples[len(samples)-1], n, last)
	}
	return t
}

// reach is how many frames an end is extended.
func (c *Config) reach(t *Tracklet, open bool) int {
	switch {
	case !t.Confirmed:
		return c.ExtendTentative
	case open:
		return c.ExtendDoubt
	}
	return c.Extend
}

// bridge fills e, n frames after observation a and m frames before b. The smoothed path and the straight line both lie in
// the cover.
func (c *Config) bridge(e *Entry, a, b *Observation, n, m int) {
	f := float64(n) / float64(n+m)
	line := boxOf(lerp4(coordinates(a.Box), coordinates(b.Box), f))
	e.Kind = Interpolated
	e.Box = holdCore(e.Box, line)
	g := c.Dilate + coverGrowth*float64(min(n, m))
	e.Cover = e.Box.Union(line).Grow(g, g)
}

// extend adds the entry n frames from end sample at frame index; n is negative before the first observation.
func (t *Tracklet) extend(c *Config, end *sample, n int, index int64) {
	m := end.m
	size := math.Sqrt(end.obs.Box.Area())
	d := frame.Point{X: m[0].v * float64(n), Y: m[1].v * float64(n)}
	if far := math.Hypot(d.X, d.Y); far > c.Reach*size {
		d.X, d.Y = d.X*c.Reach*size/far, d.Y*c.Reach*size/far
	}
	seen := m.box().Union(end.obs.Box)
	e := Entry{Frame: index + int64(n), Kind: Extended, Tag: -1, Box: shift(m.box(), d)}
	e.Cover = c.coverUnseen(seen, shift(seen, d), max(n, -n))
	t.Entries = append(t.Entries, e)
}
