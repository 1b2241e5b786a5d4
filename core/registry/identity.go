package registry

import (
	"fmt"
	"slices"

	"github.com/ksamenet/ksamenet/core/ksame"
)

// Merge says that gone was keep all along: keep takes over its best samples, and gone becomes a tombstone. Both may have been
// shown before, each as their cluster, so two clusters are united first: whoever has both releases then still faces at least
// k people. It is ErrTogether when a picture shows both.
func (t *Tx) Merge(keep, gone ksame.PersonID) error {
	if t.ended {
		return ErrTx
	}
	if keep == gone {
		return fmt.Errorf("registry: person %d cannot be merged with themselves", keep)
	}
	for _, id := range []ksame.PersonID{keep, gone} {
		if _, err := t.key(id); err != nil {
			return err
		}
	}
	p := t.plan
	if p.together[pairOf(keep, gone)] {
		return fmt.Errorf("%w: %d and %d", ErrTogether, keep, gone)
	}
	home, other := p.state.Of(keep), p.state.Of(gone)
	if home != 0 && other != 0 && home != other {
		if err := t.unite(home, other); err != nil {
			return err
		}
		home = p.state.Of(keep)
	}
	for both := range p.together {
		if both[0] == gone || both[1] == gone {
			if err := t.Together([][2]ksame.PersonID{{keep, both[0] + both[1] - gone}}); err != nil {
				return err
			}
		}
	}
	for _, row := range slices.Clone(p.gallery.of[gone]) {
		if _, err := t.AddSample(keep, slices.Clone(p.gallery.row(row)), p.gallery.quality[row]); err != nil {
			return err
		}
	}
	if s, ok := p.second[gone]; ok {
		if err := t.putSecond(keep, s); err != nil {
			return err
		}
	}
	row := ksame.Row{Kind: ksame.Merge, Person: keep, Other: gone, Cluster: max(home, other)}
	if c, ok := p.state.Cluster(row.Cluster); ok {
		members := slices.DeleteFunc(slices.Clone(c.Members), func(m ksame.PersonID) bool { return m == gone })
		if home == 0 {
			members = append(members, keep)
		}
		row.Distinct = ksame.Distinct(members, p.same())
	}
	if err := t.record(row); err != nil {
		return err
	}
	t.erase(gone)
	t.touch(keep)
	return nil
}

// unite makes one cluster of two, promising no more than they have.
func (t *Tx) unite(a, b ksame.ClusterID) error {
	one, _ := t.plan.state.Cluster(a)
	two, _ := t.plan.state.Cluster(b)
	distinct := ksame.Distinct(slices.Concat(one.Members, two.Members), t.plan.same())
	return t.record(ksame.Row{Kind: ksame.Union, K: min(max(one.K, two.K), distinct), Cluster: t.plan.state.NextCluster(),
		Of: []ksame.ClusterID{min(a, b), max(a, b)}, Distinct: distinct})
}

// Split says that some samples of a person (0, 1, 2 … as Samples lists them) are of somebody else, who becomes a person of
// their own. Both stay in the cluster, for earlier releases showed both as it. At least one sample stays.
func (t *Tx) Split(id ksame.PersonID, samples []int) (ksame.PersonID, error) {
	if t.ended {
		return 0, ErrTx
	}
	aead, err := t.key(id)
	if err != nil {
		return 0, err
	}
	p := t.plan
	rows := p.gallery.of[id]
	samples = slices.Compact(slices.Sorted(slices.Values(samples)))
	if len(samples) == 0 || len(samples) >= len(rows) || samples[0] < 0 || samples[len(samples)-1] >= len(rows) {
		return 0, fmt.Errorf("registry: samples %v of person %d, who has 0 to %d; at least one has to go and one to stay", samples, id, len(rows)-1)
	}
	type sample struct {
		embedding []float32
		quality   float64
	}
	var parts [2][]sample
	for i, row := range rows {
		to := 0
		if slices.Contains(samples, i) {
			to = 1
		}
		parts[to] = append(parts[to], sample{slices.Clone(p.gallery.row(row)), p.gallery.quality[row]})
	}
	row := ksame.Row{Kind: ksame.Split, Person: p.state.NextPerson(), Other: id, Cluster: p.state.Of(id)}
	fresh, err := t.person(row.Person, p.persons[id].label, p.persons[id].stratum)
	if err != nil {
		return 0, err
	}
	p.gallery.remove(id)
	t.dropSecond(id) // of which of the two it is, nobody knows
	t.exec("DELETE FROM sample WHERE person = ?", id)
	for slot, s := range parts[0] {
		p.gallery.add(id, s.embedding, s.quality)
		t.store(id, slot, s.embedding, s.quality, aead)
	}
	for slot, s := range parts[1] {
		p.gallery.add(row.Person, s.embedding, s.quality)
		t.store(row.Person, slot, s.embedding, s.quality, fresh)
	}
	if c, ok := p.state.Cluster(row.Cluster); ok {
		row.Distinct = ksame.Distinct(append(c.Members, row.Person), p.same())
	}
	if err := t.record(row); err != nil {
		return 0, err
	}
	t.forgot = true // what was said of the one person must not live on in the log under their key
	return row.Person, nil
}

// Sample is a reference embedding of a person, described.
type Sample struct {
	Quality float64 // of the recogniser
	Fit     float64 // cosine with the mean of the person's other samples, 1 when there are none
}

// Samples describes the samples of a person, in the order that Tx.Split numbers them.
func (r *Registry) Samples(id ksame.PersonID) []Sample {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.now.gallery
	var out []Sample
	for i, row := range g.of[id] {
		others := newGallery(g.dim)
		for j, other := range g.of[id] {
			if i != j {
				others.add(id, g.row(other), g.quality[other])
			}
		}
		s := Sample{Quality: g.quality[row], Fit: 1}
		if len(others.owners) > 0 {
			s.Fit = 0
			for d, v := range others.mean(id) {
				s.Fit += float64(v) * float64(g.row(row)[d])
			}
		}
		out = append(out, s)
	}
	return out
}

// Lookalike is somebody who may be the same person as another.
type Lookalike struct {
	Person     ksame.PersonID
	Similarity float64 // the largest between samples of the two
}

// Lookalikes lists who may be the same person as id, by id: as similar as that, and never seen in one picture with them.
func (r *Registry) Lookalikes(id ksame.PersonID) []Lookalike {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Lookalike
	same := r.now.same()
	for _, other := range r.now.state.Persons() {
		if other != id && same(id, other) {
			out = append(out, Lookalike{other, r.now.gallery.similarity(id, other)})
		}
	}
	return out
}

// Source says who was enrolled from a file with this digest, 0 for nobody. Files are known by a keyed hash: without the key
// nobody can tell from the registry which files they were.
func (t *Tx) Source(digest string) ksame.PersonID { return t.plan.sources[t.plan.sourceTag(digest)] }

// AddSource notes that a person was enrolled from a file with this digest; see Source.
func (t *Tx) AddSource(digest string, id ksame.PersonID) error {
	if t.ended {
		return ErrTx
	}
	if _, err := t.key(id); err != nil {
		return err
	}
	tag := t.plan.sourceTag(digest)
	t.plan.sources[tag] = id
	t.exec("INSERT OR REPLACE INTO source VALUES (?, ?)", []byte(tag), id)
	return nil
}

func (c *content) sourceTag(digest string) string { return string(c.secrets.mac("source " + digest)) }
