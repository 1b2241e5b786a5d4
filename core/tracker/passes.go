package tracker

import (
	"cmp"
	"slices"
)

// chain is a tracklet as node numbers in time order.
type chain struct {
	nodes              []int
	openStart, openEnd bool  // split in doubt there
	rivals             []int // nodes across the doubt
}

// best is the node with the highest score, the first of equals.
func (c *chain) best(s *shot) int {
	best := c.nodes[0]
	for _, n := range c.nodes {
		if s.nodes[n].obs.Score > s.nodes[best].obs.Score {
			best = n
		}
	}
	return best
}

// links are what one pass over a shot says, in forward time: next[i] is the node that follows i on one face, prev its
// inverse, -1 none. cutOut[i] says that the pass could not tell how i goes on, cutIn[j] where j comes from.
type links struct {
	next, prev    []int
	cutOut, cutIn []bool
	across        [][2]int // pairs of nodes (earlier, later) that a doubt parts
}

// pass runs a Tracker over the shot, forward or backward in time.
func (c *Config) pass(s *shot, backward bool) (*links, error) {
	cfg := *c
	if c.Similarity != nil {
		cfg.Similarity = func(t *Track, index int64, o *Observation) (float64, bool) {
			// Inside a pass tags are node numbers and, backward, frames are negated; the caller sees its own.
			view, seen := *t, s.nodes[o.Tag].obs
			last, best := s.nodes[t.LastTag], s.nodes[t.BestTag]
			view.LastTag, view.Last, view.BestTag, view.BestFrame = last.obs.Tag, last.index, best.obs.Tag, best.index
			return c.Similarity(&view, s.nodes[o.Tag].index, &seen)
		}
	}
	k, err := New(cfg)
	if err != nil {
		return nil, err
	}
	n := len(s.nodes)
	l := &links{next: make([]int, n), prev: make([]int, n), cutOut: make([]bool, n), cutIn: make([]bool, n)}
	for i := range n {
		l.next[i], l.prev[i] = -1, -1
	}
	ended := make(map[int]int) // ID of a track split in doubt -> its last node
	var obs []Observation
	for i := range s.frames {
		f := s.frames[i]
		if backward {
			f = s.frames[len(s.frames)-1-i]
			f.index = -f.index
		}
		if f.hi < 0 {
			continue
		}
		obs = obs[:0]
		for j := f.lo; j < f.hi; j++ {
			o := s.nodes[j].obs
			o.Tag = j
			obs = append(obs, o)
		}
		if _, err := k.Update(f.index, false, obs); err != nil {
			return nil, err
		}
		for _, t := range k.tracks {
			if _, known := ended[t.ID]; t.retired && !known {
				ended[t.ID] = t.LastTag
				l.markOut(t.LastTag, backward)
			}
		}
		for _, t := range k.tracks {
			switch {
			case t.Tag < 0:
			case t.prevTag >= 0:
				l.link(t.prevTag, t.Tag, backward)
			case t.Ambiguous:
				l.markIn(t.Tag, backward)
				for _, id := range t.Rivals {
					if e, ok := ended[id]; ok {
						l.across = append(l.across, [2]int{min(e, t.Tag), max(e, t.Tag)})
					}
				}
			}
		}
	}
	return l, nil
}

func (l *links) link(from, to int, backward bool) {
	if backward {
		from, to = to, from
	}
	l.next[from], l.prev[to] = to, from
}

// markOut and markIn note a doubt after and before a node in the direction of the pass.
func (l *links) markOut(n int, backward bool) {
	if backward {
		l.cutIn[n] = true
	} else {
		l.cutOut[n] = true
	}
}

func (l *links) markIn(n int, backward bool) { l.markOut(n, !backward) }

// reaches says that following next from a leads to b.
func (l *links) reaches(a, b int) bool {
	for a >= 0 && a < b {
		a = l.next[a]
	}
	return a == b
}

// link follows the faces of a shot in both directions and merges the two: what both say holds; what one alone says holds
// when the other does not object (the backward pass finds the weak observations before the first sure one, the forward
// pass those after the last). Where they contradict each other, or one of them was in doubt, the chain is split.
func (c *Config) link(s *shot) ([]chain, error) {
	f, err := c.pass(s, false)
	if err != nil {
		return nil, err
	}
	b, err := c.pass(s, true)
	if err != nil {
		return nil, err
	}
	n := len(s.nodes)
	m := &links{next: make([]int, n), prev: make([]int, n), cutOut: make([]bool, n), cutIn: make([]bool, n)}
	var open []proposal
	for i := range n {
		m.next[i], m.prev[i] = -1, -1
		m.cutOut[i] = f.cutOut[i] || b.cutOut[i]
		m.cutIn[i] = f.cutIn[i] || b.cutIn[i]
	}
	for i := range n {
		if j := f.next[i]; j >= 0 {
			if b.next[i] == j {
				m.next[i], m.prev[j] = j, i
			} else {
				open = append(open, proposal{i, j, s.nodes[j].index - s.nodes[i].index, f, b})
			}
		}
		if j := b.next[i]; j >= 0 && f.next[i] != j {
			open = append(open, proposal{i, j, s.nodes[j].index - s.nodes[i].index, b, f})
		}
	}
	// Short links first: a link that the other pass only refines then finds its ends taken.
	slices.SortFunc(open, func(p, q proposal) int {
		return cmp.Or(cmp.Compare(p.frames, q.frames), cmp.Compare(p.from, q.from), cmp.Compare(p.to, q.to))
	})
	across := append(f.across, b.across...)
	for _, p := range open {
		if m.next[p.from] >= 0 || m.prev[p.to] >= 0 {
			continue
		}
		if m.cutOut[p.from] || m.cutIn[p.to] || !p.agreeable() {
			m.cutOut[p.from], m.cutIn[p.to] = true, true
			across = append(across, [2]int{p.from, p.to})
			continue
		}
		m.next[p.from], m.prev[p.to] = p.to, p.from
	}
	m.dropStrays(s.nodes)
	return m.chains(across), nil
}

// proposal is a link that only the pass own made; other is the opposite pass.
type proposal struct {
	from, to   int
	frames     int64
	own, other *links
}

// agreeable says that the other pass sends neither node elsewhere: where it links them differently, one of the two passes
// only skips a node that the other one has.
func (p *proposal) agreeable() bool {
	if k := p.other.next[p.from]; k >= 0 && !(k > p.to && p.own.reaches(p.to, k)) && !(k < p.to && p.other.reaches(k, p.to)) {
		return false
	}
	if k := p.other.prev[p.to]; k >= 0 && !(k < p.from && p.own.reaches(k, p.from)) && !(k > p.from && p.other.reaches(p.from, k)) {
		return false
	}
	return true
}

// chains walks the links; across gives every chain the nodes on the other side of its doubts.
func (l *links) chains(across [][2]int) []chain {
	var out []chain
	owner := make([]int, len(l.next))
	for i := range l.next {
		if l.prev[i] >= 0 {
			continue
		}
		c := chain{openStart: l.cutIn[i]}
		last := i
		for j := i; j >= 0; j = l.next[j] {
			owner[j] = len(out)
			c.nodes = append(c.nodes, j)
			last = j
		}
		c.openEnd = l.cutOut[last]
		out = append(out, c)
	}
	for _, p := range across {
		a, b := owner[p[0]], owner[p[1]]
		if a != b {
			out[a].rivals = append(out[a].rivals, p[1])
			out[b].rivals = append(out[b].rivals, p[0])
		}
	}
	return out
}
