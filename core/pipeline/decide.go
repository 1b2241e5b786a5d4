package pipeline

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/ksamenet/ksamenet/core/compositor"
	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/registry"
	"github.com/ksamenet/ksamenet/core/tracker"
)

// minEnrolQuality and minEnrolHits keep junk out of the registry: a poor embedding resembles nobody, so it would count as
// one more distinct person and weaken every cluster it is counted in.
const (
	minEnrolQuality = 0.25
	minEnrolHits    = 5 // observations of the person's tracks together
)

// cast is what pass 1 found out about the people of a file.
type cast struct {
	tracklets []tracker.Tracklet
	masks     [][]*drawn // of the tracklets
	sights    []*sight
	groups    []group
	second    string // the second recogniser, by name and hash
}

// group is a person of the file: tracklets that show the same face.
type group struct {
	tracklets []int
	embedding []float32 // nil: nobody can tell who it is
	person    ksame.PersonID
	cluster   ksame.ClusterID
	slot      int // in mode distinct
	action    decisions.Action
	why       string
	brief     bool                     // seen too briefly or too faintly to be counted as anybody
	replaced  []int                    // tracklets of a kept person that do not themselves resemble them: they are replaced
	spans     map[int][]decisions.Span // parts of the other tracklets of a kept person that may show somebody else
}

// shown says that a surrogate of the group will be seen.
func (g *group) shown() bool {
	return g.action == decisions.Replace || len(g.replaced) > 0 || len(g.spans) > 0
}

// Decide ends pass 1: tracks, persons, clusters and the decision list. reg is changed (people enrolled, clusters made,
// donors dealt) and committed before Decide returns a list, and left alone when it returns an error.
//
// A *ksame.TooFewError means that registry and file hold fewer than cfg.K distinct people and cfg.Uncertified is not set.
func (a *Analyzer) Decide(ctx context.Context, reg *registry.Registry, src decisions.Source) (*decisions.List, error) {
	src.Frames, src.Width, src.Height = a.count, a.size[0], a.size[1]
	c := cast{sights: a.sights, second: a.eyes.Second.id}
	if a.linker != nil {
		var err error
		if c.tracklets, err = a.linker.Finish(); err != nil {
			return nil, err
		}
	}
	if err := a.draw(ctx, c.tracklets); err != nil {
		return nil, err
	}
	c.masks = a.masks
	link, _ := reg.Thresholds()
	c.join(link)

	tx, err := reg.Begin()
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	if err := c.identify(tx, a.cfg); err != nil {
		return nil, err
	}
	l := &decisions.List{
		Format: decisions.Format, Version: decisions.Version, Tool: a.cfg.Tool, Source: src, Shots: a.shots,
		Policy: decisions.Policy{K: a.cfg.K, Donors: a.cfg.Donors, Certified: true, Fallback: a.cfg.Fallback, Look: a.cfg.Look(), Neutral: a.cfg.Expression == ExpressionNeutral},
	}
	if a.cfg.Mode == ModeDistinct {
		l.Policy.Mode = ModeDistinct
	}
	if screen := c.screen(); len(screen) > 0 {
		_, err = tx.Ensure(registry.Request{K: a.cfg.K, Screen: screen, Together: c.together(), Growth: registry.GrowPartition})
	} else if slices.ContainsFunc(c.groups, func(g group) bool { return g.shown() }) && len(certified(tx.State(), a.cfg.K)) == 0 {
		// There are faces, but nobody could be identified, and nobody else is there to be taken for.
		err = &ksame.TooFewError{Have: len(tx.State().Persons()), Need: a.cfg.K}
	}
	commit := func(context.Context) error { return nil }
	var few *ksame.TooFewError
	switch {
	case errors.As(err, &few) && a.cfg.Uncertified:
		if err := c.share(reg, a.cfg, l, few); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	default:
		if err := c.assign(tx, a.cfg, l, a.eyes.judge(ctx, tx, link)); err != nil {
			return nil, err
		}
		commit = tx.Commit
	}
	if a.Release != nil {
		if err := a.Release(); err != nil {
			return nil, err
		}
	}
	c.write(l)
	l.Source.Faces = l.Faces()
	if err := errors.Join(l.Validate(), a.hideAlarms(l)); err != nil {
		return nil, err
	}
	if err := commit(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

// join groups the tracklets.
func (c *cast) join(tau float64) {
	var known []int
	var ss []sighting
	for i := range c.tracklets {
		t := &c.tracklets[i]
		why := ""
		if !t.Confirmed {
			why = "seen too briefly to be sure"
		} else if t.BestScore < sure { // landmarks are found in stripes and prints too, and nobody may be counted who is none
			why = "never seen well enough to be sure"
		}
		if why != "" {
			c.groups = append(c.groups, group{tracklets: []int{i}, action: decisions.Cover, why: why, brief: true})
			continue
		}
		s, _ := sightingOf(t, c.sights)
		known, ss = append(known, i), append(ss, s)
	}
	for _, members := range joinSightings(ss, tau) {
		g := group{embedding: meanEmbedding(ss, members), action: decisions.Replace}
		for _, m := range members {
			g.tracklets = append(g.tracklets, known[m])
		}
		c.groups = append(c.groups, g)
	}
	slices.SortStableFunc(c.groups, func(a, b group) int { return cmp.Compare(a.tracklets[0], b.tracklets[0]) })
}

// identify matches the groups with the registry and enrols newcomers. Two groups seen in one picture are two people, so
// the less similar one is a newcomer even when both resemble the same person.
func (c *cast) identify(tx *registry.Tx, cfg Config) error {
	for _, id := range slices.Concat(cfg.Keep, cfg.Cover) {
		if tx.State().Forgotten(ksame.PersonID(id)) || !slices.Contains(tx.State().Persons(), ksame.PersonID(id)) {
			return fmt.Errorf("%w: the registry has no person %d", ErrConfig, id)
		}
	}
	type match struct {
		group int
		registry.Match
	}
	var matches []match
	for i := range c.groups {
		g := &c.groups[i]
		if g.embedding == nil || g.action != decisions.Replace {
			continue
		}
		m, err := tx.Match(g.embedding)
		if err != nil {
			return err
		}
		if m.Same {
			matches = append(matches, match{i, m})
		}
	}
	slices.SortStableFunc(matches, func(a, b match) int { return cmp.Compare(b.Similarity, a.Similarity) })
	for _, m := range matches {
		taken := slices.ContainsFunc(matches, func(o match) bool {
			return c.groups[o.group].person == m.Person && c.meet(o.group, m.group)
		})
		if !taken {
			c.groups[m.group].person = m.Person
		}
	}
	for i := range c.groups {
		g := &c.groups[i]
		if g.person != 0 || g.embedding == nil || g.action != decisions.Replace {
			continue
		}
		if err := c.enrol(tx, g); err != nil {
			return err
		}
	}
	if err := c.keepSecond(tx); err != nil {
		return err
	}
	for i := range c.groups {
		g := &c.groups[i]
		switch {
		case g.person == 0:
		case slices.Contains(cfg.Keep, int64(g.person)):
			g.action = decisions.Keep
			if err := c.narrow(tx, g); err != nil {
				return err
			}
		case slices.Contains(cfg.Cover, int64(g.person)):
			g.action, g.why = decisions.Cover, "covered on request"
		}
	}
	return nil
}

// keepSecond gives everybody who was identified their best view by the second recogniser: newcomers, and those who were
// enrolled without it.
func (c *cast) keepSecond(tx *registry.Tx) error {
	for _, g := range c.groups {
		if g.person == 0 {
			continue
		}
		for _, i := range g.tracklets {
			for _, e := range c.tracklets[i].Entries {
				if e.Tag < 0 || c.sights[e.Tag].view == nil || c.sights[e.Tag].view.second == nil {
					continue
				}
				s := c.sights[e.Tag].view
				if err := tx.SetSecond(c.second, g.person, s.second, s.quality); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// enrol adds a newcomer with one sample for each tracklet, so that different views of a face are known. A group whose
// evidence is too poor stays unknown.
func (c *cast) enrol(tx *registry.Tx, g *group) error {
	best, hits := 0., 0
	for _, i := range g.tracklets {
		_, q := sightingOf(&c.tracklets[i], c.sights)
		best, hits = max(best, q), hits+c.tracklets[i].Hits
	}
	if best < minEnrolQuality || hits < minEnrolHits {
		return nil
	}
	id, err := tx.Enrol(registry.Candidate{Embedding: g.embedding, Quality: best})
	if err != nil {
		return err
	}
	g.person = id
	if len(g.tracklets) == 1 {
		return nil
	}
	for _, i := range g.tracklets {
		if s, q := sightingOf(&c.tracklets[i], c.sights); s.embedding != nil && q >= minEnrolQuality {
			if _, err := tx.AddSample(id, s.embedding, q); err != nil {
				return err
			}
		}
	}
	return nil
}

// meet says that two groups were seen in one picture.
func (c *cast) meet(a, b int) bool {
	for _, i := range c.groups[a].tracklets {
		for _, j := range c.groups[b].tracklets {
			if s, t := &c.tracklets[i], &c.tracklets[j]; i != j && s.First <= t.Last && t.First <= s.Last {
				return true
			}
		}
	}
	return false
}

// screen lists the registry's people whose surrogates will be shown.
func (c *cast) screen() []ksame.PersonID {
	people := []ksame.PersonID{} // not nil: nil means everybody
	for _, g := range c.groups {
		if g.person != 0 && g.shown() {
			people = append(people, g.person)
		}
	}
	slices.Sort(people)
	return slices.Compact(people)
}

// together lists the pairs of people seen in one picture.
func (c *cast) together() [][2]ksame.PersonID {
	var pairs [][2]ksame.PersonID
	for i := range c.groups {
		for j := range i {
			a, b := c.groups[j].person, c.groups[i].person
			if a != 0 && b != 0 && a != b && c.meet(i, j) {
				pairs = append(pairs, [2]ksame.PersonID{min(a, b), max(a, b)})
			}
		}
	}
	slices.SortFunc(pairs, func(a, b [2]ksame.PersonID) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	return slices.Compact(pairs)
}

// assign looks up everybody's cluster. A face that nobody could identify (too small, in profile throughout) wears a certified
// cluster drawn by the file's hash and the track's number: nothing of the face enters the choice.
func (c *cast) assign(tx *registry.Tx, cfg Config, l *decisions.List, judge *registry.Judge) error {
	state := tx.State()
	if cfg.K == 1 {
		l.Policy.Certified, l.Policy.Why = false, "k = 1 makes no anonymity-set claim"
	}
	able := certified(state, cfg.K)
	used := map[ksame.ClusterID]bool{}
	for i := range c.groups {
		g := &c.groups[i]
		if !g.shown() {
			continue
		}
		switch {
		case g.person != 0:
			g.cluster = state.Of(g.person)
		case len(able) > 0:
			g.cluster = able[draw(l.Source.SHA256, g.tracklets[0], len(able))]
		}
		if !state.Certified(g.cluster, cfg.K) {
			g.replaced, g.spans = nil, nil
			g.action, g.why = decisions.Cover, "the person's cluster is not certified"
			continue
		}
		used[g.cluster] = true
	}
	for _, id := range able {
		if !used[id] {
			continue
		}
		cl, _ := state.Cluster(id)
		out := decisions.Cluster{ID: uint64(id), Members: cl.Distinct, Stratum: cl.Stratum}
		if err := c.wear(tx, cfg, l, &out, judge); err != nil {
			return err
		}
		l.Clusters = append(l.Clusters, out)
	}
	return nil
}

// certified lists the clusters of at least k distinct people.
func certified(s *ksame.State, k int) []ksame.ClusterID {
	var ids []ksame.ClusterID
	for _, c := range s.Clusters() {
		if s.Certified(c.ID, k) {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

func draw(digest string, track, n int) int {
	h := sha256.New()
	h.Write([]byte(digest))
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(track)))
	return int(binary.BigEndian.Uint64(h.Sum(nil)) % uint64(n))
}

// share gives everybody the one surrogate of an uncertified run. The registry is left as it was.
func (c *cast) share(reg *registry.Registry, cfg Config, l *decisions.List, few *ksame.TooFewError) error {
	mix, err := reg.SharedMix(cfg.Donors, cfg.pool())
	if err != nil {
		return err
	}
	l.Policy.Certified = false
	l.Policy.Why = fmt.Sprintf("%d distinct people are known, %d are needed; everyone shares one surrogate", few.Have, few.Need)
	l.Clusters = []decisions.Cluster{{ID: 1, Members: few.Have, Donors: mix}}
	known := reg.State().Persons()
	for i := range c.groups {
		g := &c.groups[i]
		g.cluster = 1
		if !slices.Contains(known, g.person) {
			g.person = 0 // its enrolment is undone
		}
	}
	return nil
}

// write fills in persons and tracks. Groups that turned out to be one person of the registry become one entry.
func (c *cast) write(l *decisions.List) {
	byPerson := map[ksame.PersonID]int{}
	for i := range c.groups {
		g := &c.groups[i]
		if g.brief {
			for _, j := range g.tracklets {
				t := &c.tracklets[j]
				l.Tracks = append(l.Tracks, decisions.Track{ID: t.ID, Action: g.action, Why: g.why, Faces: c.spend(j, g.tracklets)})
			}
			continue
		}
		p := decisions.Person{ID: len(l.Persons) + 1, Registry: int64(g.person), Cluster: uint64(g.cluster), Slot: g.slot, Action: g.action}
		if first, ok := byPerson[g.person]; ok && g.person != 0 {
			p.ID = first
		} else {
			l.Persons = append(l.Persons, p)
			byPerson[g.person] = p.ID
		}
		for _, j := range g.tracklets {
			t := &c.tracklets[j]
			tone := compositor.MeanSurround(c.surroundings(g, j)).Tone()
			track := decisions.Track{ID: t.ID, Person: p.ID, Why: g.why, Tone: tone, Light: compositor.Light(surrounds(t, c.sights, 1)), Faces: c.spend(j, g.tracklets)}
			track.Spans = within(g.spans[j], &track)
			if slices.Contains(g.replaced, j) {
				track.Action = decisions.Replace
			}
			if (g.action == decisions.Replace || track.Action == decisions.Replace) && !slices.ContainsFunc(track.Faces, decisions.Face.Renderable) {
				track.Action, track.Why = decisions.Cover, "no landmarks were found"
			}
			l.Tracks = append(l.Tracks, track)
		}
	}
	slices.SortFunc(l.Tracks, func(a, b decisions.Track) int { return cmp.Compare(a.ID, b.ID) })
}

// ownTrust is how much more a track's own surroundings count for its tone than those of the person's other tracks: they
// know its light, the others may know the person's skin.
const ownTrust = 3

// surroundings are what tells the tone of tracklet j of a person.
func (c *cast) surroundings(g *group, j int) []compositor.Surround {
	var all []compositor.Surround
	for _, i := range g.tracklets {
		trust := 1.
		if i == j {
			trust = ownTrust
		}
		all = append(all, surrounds(&c.tracklets[i], c.sights, trust)...)
	}
	return all
}
