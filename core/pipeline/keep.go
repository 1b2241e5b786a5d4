package pipeline

import (
	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/registry"
	"github.com/ksamenet/ksamenet/core/tracker"
)

// An exemption must never widen: a kept person's tracks are left clear only where the face itself vouches for it.

const (
	vouchMost = 2 * embedEvery // frames between two proofs of a face that had company meanwhile
	company   = 0.5            // of its size around a face: another one that comes so near may be taken for it
)

// narrow finds what is replaced of a kept person's tracks: whole tracklets that do not resemble them themselves (they were
// joined by way of others), and the parts of the others that may show somebody else.
func (c *cast) narrow(tx *registry.Tx, g *group) error {
	g.spans = map[int][]decisions.Span{}
	for _, i := range g.tracklets {
		t := &c.tracklets[i]
		s, _ := sightingOf(t, c.sights)
		same, err := resembles(tx, s.embedding, g)
		if err != nil {
			return err
		}
		if !same {
			g.replaced = append(g.replaced, i)
			continue
		}
		vouched, err := c.vouched(tx, g, t)
		if err != nil {
			return err
		}
		if spans := unvouched(t, vouched); len(spans) > 0 {
			g.spans[i] = spans
		}
	}
	return nil
}

func resembles(tx *registry.Tx, embedding []float32, g *group) (bool, error) {
	if embedding == nil {
		return false, nil
	}
	m, err := tx.Match(embedding)
	return err == nil && m.Same && m.Person == g.person, err
}

// vouched says of each entry of t whether the embeddings on either side of it show the group's person. An end of the
// track has one side only; there, and over a long time without an embedding, nobody else may have come near.
func (c *cast) vouched(tx *registry.Tx, g *group, t *tracker.Tracklet) ([]bool, error) {
	out := make([]bool, len(t.Entries))
	before, sure := -1, false // the last entry with an embedding, and whether it shows the person
	for i := 0; i <= len(t.Entries); i++ {
		proof, shows := i < len(t.Entries) && t.Entries[i].Tag >= 0 && c.sights[t.Entries[i].Tag].view != nil, false
		if i < len(t.Entries) && !proof {
			continue
		}
		if proof {
			var err error
			if shows, err = resembles(tx, c.sights[t.Entries[i].Tag].view.embedding, g); err != nil {
				return nil, err
			}
		}
		open := before < 0 || i == len(t.Entries)
		good := (before < 0 || sure) && (i == len(t.Entries) || shows)
		if good && (open || i-before > vouchMost) {
			good = !c.accompanied(t, max(before, 0), min(i, len(t.Entries)-1))
		}
		for j := before + 1; j < i; j++ {
			out[j] = good
		}
		if i < len(t.Entries) {
			out[i] = shows
		}
		before, sure = i, shows
	}
	return out, nil
}

// accompanied says that another face came near t between two of its entries, both included.
func (c *cast) accompanied(t *tracker.Tracklet, from, to int) bool {
	for i := range c.tracklets {
		o := &c.tracklets[i]
		if o.ID == t.ID {
			continue
		}
		for k := from; k <= to; k++ {
			if x := o.At(t.Entries[k].Frame); x != nil && !x.Box.Intersect(t.Entries[k].Box.Grow(company, company)).Empty() {
				return true
			}
		}
	}
	return false
}

// unvouched are the runs of entries that nothing vouches for.
func unvouched(t *tracker.Tracklet, vouched []bool) (spans []decisions.Span) {
	for i, ok := range vouched {
		f := t.Entries[i].Frame
		switch n := len(spans); {
		case ok:
		case n > 0 && spans[n-1].Last == f-1:
			spans[n-1].Last = f
		default:
			spans = append(spans, decisions.Span{First: f, Last: f, Action: decisions.Replace})
		}
	}
	return spans
}

// within cuts spans to the frames that a track has.
func within(spans []decisions.Span, t *decisions.Track) (out []decisions.Span) {
	first, last := t.Span()
	for _, s := range spans {
		if s.First, s.Last = max(s.First, first), min(s.Last, last); s.First <= s.Last {
			out = append(out, s)
		}
	}
	return out
}
