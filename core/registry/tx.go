package registry

import (
	"context"
	"crypto/cipher"
	"database/sql"
	"fmt"
	"maps"
	"math"
	"time"

	"github.com/ksamenet/ksamenet/core/ksame"
)

// Tx is a planned change of the registry. It works on a copy in memory: its own methods see the change, nobody else does,
// and the disk is written by Commit alone, all or nothing. It is not safe for concurrent use.
type Tx struct {
	r      *Registry
	plan   *content
	writes []func(context.Context, *sql.Tx) error
	keys   map[ksame.PersonID]cipher.AEAD
	dirty  map[ksame.ClusterID]bool // clusters with new evidence on who may be whom
	ended  bool
	forgot bool
}

// Begin starts a transaction. There is one at a time (ErrTx); end it by Commit or Rollback.
func (r *Registry) Begin() (*Tx, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.db == nil:
		return nil, ErrClosed
	case r.opt.ReadOnly:
		return nil, ErrReadOnly
	case r.tx != nil:
		return nil, ErrTx
	}
	r.tx = &Tx{r: r, plan: r.now.view(), keys: map[ksame.PersonID]cipher.AEAD{}, dirty: map[ksame.ClusterID]bool{}}
	return r.tx, nil
}

func (t *Tx) end() {
	t.ended = true
	t.r.tx = nil
}

// Rollback ends the transaction and forgets it. After Commit or Rollback it does nothing, so it can be deferred.
func (t *Tx) Rollback() {
	t.r.mu.Lock()
	defer t.r.mu.Unlock()
	if !t.ended {
		t.end()
	}
}

// Commit writes the transaction, all or nothing, and ends it. When it fails the registry is as before.
func (t *Tx) Commit(ctx context.Context) error {
	if t.ended {
		return ErrTx
	}
	if err := t.recount(); err != nil {
		t.Rollback()
		return err
	}
	t.r.mu.Lock()
	defer t.r.mu.Unlock()
	defer t.end()
	if len(t.writes) == 0 {
		return nil
	}
	tx, err := t.r.db.BeginTx(ctx, nil)
	if err != nil {
		return wayOut(fmt.Errorf("registry: commit: %w", err))
	}
	defer tx.Rollback()
	for _, write := range t.writes {
		if err := write(ctx, tx); err != nil {
			return wayOut(fmt.Errorf("registry: commit: %w", err))
		}
	}
	if _, err := tx.ExecContext(ctx, "UPDATE meta SET value = ? WHERE name = 'seal'", t.plan.seal()); err != nil {
		return wayOut(fmt.Errorf("registry: commit: %w", err))
	}
	if err := tx.Commit(); err != nil {
		return wayOut(fmt.Errorf("registry: commit: %w", err))
	}
	t.r.now = t.plan
	if t.forgot {
		// What was erased must not live on in the write-ahead log.
		if err := t.r.checkpoint(ctx); err != nil {
			return fmt.Errorf("registry: committed, but the log still holds what was forgotten: %w\nhint: open and close the registry again", err)
		}
	}
	return nil
}

// exec plans one statement.
func (t *Tx) exec(query string, args ...any) {
	t.writes = append(t.writes, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
}

// record adds a row to the ledger. The rules of ksame decide whether it may be added.
func (t *Tx) record(row ksame.Row) error {
	row, err := t.plan.state.Add(row)
	if err != nil {
		return err
	}
	t.plan.rows = append(t.plan.rows, row)
	t.exec("INSERT INTO ledger VALUES (?, ?)", row.Seq, string(row.Line()))
	return nil
}

// Enrol adds a person with a first sample. Match first: a person enrolled twice counts once but may wear two faces.
func (t *Tx) Enrol(c Candidate) (ksame.PersonID, error) {
	if t.ended {
		return 0, ErrTx
	}
	e, err := t.sample(c.Embedding, c.Quality)
	if err != nil {
		return 0, err
	}
	if c.Stratum != "" && !t.plan.strata {
		return 0, fmt.Errorf("%w: %.40q cannot be published\nhint: make a registry with strata: ksamenet registry init --strata", ErrStrata, c.Stratum)
	}
	if err := ksame.CheckStratum(c.Stratum); err != nil {
		return 0, err
	}
	id := t.plan.state.NextPerson()
	aead, err := t.person(id, c.Label, c.Stratum)
	if err != nil {
		return 0, err
	}
	if err := t.record(ksame.Row{Kind: ksame.Enrol, Person: id}); err != nil {
		return 0, err
	}
	t.store(id, 0, e, c.Quality, aead)
	t.plan.gallery.add(id, e, c.Quality)
	return id, nil
}

// person makes the key and the record of a new identity.
func (t *Tx) person(id ksame.PersonID, label, stratum string) (cipher.AEAD, error) {
	aead, wrapped, err := t.plan.secrets.newPersonKey(id)
	if err != nil {
		return nil, err
	}
	created := t.r.opt.now().UTC().Truncate(time.Second)
	t.keys[id] = aead
	t.plan.persons[id] = &record{created: created, label: label, stratum: stratum, wrapped: wrapped}
	var published []byte
	if stratum != "" {
		published = sealBytes(aead, "stratum", id, []byte(stratum))
	}
	t.exec("INSERT INTO person (id, created, key, label, stratum) VALUES (?, ?, ?, ?, ?)", id, created.Format(time.RFC3339), wrapped,
		sealBytes(aead, "label", id, []byte(label)), published)
	return aead, nil
}

func (t *Tx) sample(embedding []float32, quality float64) ([]float32, error) {
	if !(quality >= 0) || math.IsInf(quality, 0) { // NaN fails too
		return nil, fmt.Errorf("registry: a quality of %v", quality)
	}
	return t.plan.gallery.check(embedding)
}

func (t *Tx) store(id ksame.PersonID, slot int, e []float32, quality float64, aead cipher.AEAD) {
	t.exec("INSERT OR REPLACE INTO sample VALUES (?, ?, ?, ?)", id, slot, quality, sealBytes(aead, "embedding", id, encodeEmbedding(e)))
}

// AddSample adds a reference embedding to a person. Of more than MaxSamples the one of lowest quality goes; kept says whether
// the new one stayed. Add samples before Ensure: new evidence may show that two people may be one.
func (t *Tx) AddSample(id ksame.PersonID, embedding []float32, quality float64) (kept bool, err error) {
	if t.ended {
		return false, ErrTx
	}
	e, err := t.sample(embedding, quality)
	if err != nil {
		return false, err
	}
	aead, err := t.key(id)
	if err != nil {
		return false, err
	}
	g := t.plan.gallery
	slot := len(g.of[id])
	if slot < MaxSamples {
		g.add(id, e, quality)
	} else {
		slot = 0
		for s, row := range g.of[id] {
			if g.quality[row] < g.quality[g.of[id][slot]] {
				slot = s
			}
		}
		if g.quality[g.of[id][slot]] >= quality {
			return false, nil
		}
		g.replace(g.of[id][slot], e, quality)
	}
	t.store(id, slot, e, quality, aead)
	t.touch(id)
	return true, nil
}

// touch notes that the cluster of a person has to be counted again.
func (t *Tx) touch(id ksame.PersonID) {
	if c := t.plan.state.Of(id); c != 0 {
		t.dirty[c] = true
	}
}

// key is the key of a person who is enrolled and not forgotten.
func (t *Tx) key(id ksame.PersonID) (cipher.AEAD, error) {
	p := t.plan.persons[id]
	if p == nil || p.wrapped == nil {
		return nil, fmt.Errorf("%w: %d", ErrUnknown, id)
	}
	if t.keys[id] == nil {
		aead, err := t.plan.secrets.personKey(id, p.wrapped)
		if err != nil {
			return nil, err
		}
		t.keys[id] = aead
	}
	return t.keys[id], nil
}

// SetLabel changes the user's note on a person.
func (t *Tx) SetLabel(id ksame.PersonID, label string) error {
	if t.ended {
		return ErrTx
	}
	aead, err := t.key(id)
	if err != nil {
		return err
	}
	t.plan.persons[id].label = label
	t.exec("UPDATE person SET label = ? WHERE id = ?", sealBytes(aead, "label", id, []byte(label)), id)
	return nil
}

// Forget erases a person: embeddings, label and the key that could read older copies of them. The id stays as a tombstone in
// the ledger. A cluster that falls below k is united with another by the next Ensure that needs it.
func (t *Tx) Forget(id ksame.PersonID) error {
	if t.ended {
		return ErrTx
	}
	if _, err := t.key(id); err != nil {
		return err
	}
	p := t.plan
	row := ksame.Row{Kind: ksame.Tombstone, Person: id, Cluster: p.state.Of(id)}
	if c, ok := p.state.Cluster(row.Cluster); ok {
		count := ksame.Counter{Same: p.same()}
		for _, member := range c.Members {
			if member != id {
				count.Add(member)
			}
		}
		row.Distinct = count.Count()
	}
	if err := t.record(row); err != nil {
		return err
	}
	t.erase(id)
	return nil
}

// erase drops all that is kept of a person but the id.
func (t *Tx) erase(id ksame.PersonID) {
	p := t.plan
	p.gallery.remove(id)
	t.dropSecond(id)
	*p.persons[id] = record{created: p.persons[id].created}
	maps.DeleteFunc(p.together, func(both pair, _ bool) bool { return both[0] == id || both[1] == id })
	maps.DeleteFunc(p.sources, func(_ string, owner ksame.PersonID) bool { return owner == id })
	delete(t.keys, id)
	t.exec("DELETE FROM sample WHERE person = ?", id)
	t.exec("DELETE FROM together WHERE a = ? OR b = ?", id, id)
	t.exec("DELETE FROM source WHERE person = ?", id)
	t.exec("UPDATE person SET key = NULL, label = NULL, stratum = NULL WHERE id = ?", id)
	t.forgot = true
}

// Together records pairs seen in one picture: proven to be different people, and better not given one face.
func (t *Tx) Together(pairs [][2]ksame.PersonID) error {
	if t.ended {
		return ErrTx
	}
	for _, seen := range pairs {
		p := pairOf(seen[0], seen[1])
		if p[0] == p[1] {
			return fmt.Errorf("registry: person %d is said to be seen together with themselves", p[0])
		}
		for _, id := range p {
			if _, err := t.key(id); err != nil {
				return err
			}
		}
		if !t.plan.together[p] {
			t.plan.together[p] = true
			t.exec("INSERT INTO together VALUES (?, ?)", p[0], p[1])
			t.touch(p[0])
			t.touch(p[1])
		}
	}
	return nil
}

// Match is Registry.Match on the planned state: people enrolled in this transaction are found.
func (t *Tx) Match(emb []float32) (Match, error) { return t.plan.match(emb, t.r.opt) }

// State is an independent copy of the planned state.
func (t *Tx) State() *ksame.State { return t.plan.state.Clone() }

// Persons lists everybody of the planned state, by id.
func (t *Tx) Persons() []Person { return t.plan.list() }

// Similarity is the largest cosine between samples of two people, −Inf when one has none.
func (t *Tx) Similarity(a, b ksame.PersonID) float64 { return t.plan.gallery.similarity(a, b) }

// Certify is Registry.Certify on the planned state.
func (t *Tx) Certify(k int, screen []ksame.PersonID) (ksame.Certificate, error) {
	return ksame.Certify(t.plan.state, k, screen, t.plan.same())
}

// Release is one production.
type Release struct {
	K        int               // people that each cluster is certified for, 0: not certified
	Clusters []ksame.ClusterID // on screen, ascending
	Output   string            // SHA-256 of the output, 64 lower-case hex digits
	Report   string            // SHA-256 of the report, likewise; "" for none
	Distinct bool              // members wore surrogates of their own (mode distinct)
}

// Release records a production in the ledger.
func (t *Tx) Release(p Release) error {
	if t.ended {
		return ErrTx
	}
	row := ksame.Row{Kind: ksame.Release, K: p.K, Of: p.Clusters, Digest: p.Output, Report: p.Report}
	if p.Distinct {
		row.Mode = ksame.DistinctMode
	}
	return t.record(row)
}
