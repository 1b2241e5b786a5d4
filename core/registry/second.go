package registry

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/ksamenet/ksamenet/core/ksame"
)

// second is an embedding by a second recogniser: one a person, of their best picture. Nobody is matched by it. It is there for
// surrogates to be compared with (invariant I10), so that what one recogniser overlooks the other may see.
type second struct {
	embedding []float32
	quality   float64
}

// SetSecond keeps the embedding of a person by a second recogniser, unless a better one is kept. model names the network (id
// and hash); embeddings of another one that are kept are dropped, for they cannot be compared. The embedding has unit length
// within 1 % and as many values as the registry's own.
func (t *Tx) SetSecond(model string, id ksame.PersonID, embedding []float32, quality float64) error {
	if t.ended {
		return ErrTx
	}
	if model == "" {
		return fmt.Errorf("registry: a second recogniser without a name")
	}
	e, err := t.sample(embedding, quality)
	if err != nil {
		return err
	}
	if t.plan.secondModel != model {
		t.plan.secondModel = model
		clear(t.plan.second)
		t.exec("DELETE FROM second")
		t.exec("INSERT OR REPLACE INTO meta VALUES ('second', ?)", []byte(model))
	}
	return t.putSecond(id, second{e, quality})
}

func (t *Tx) putSecond(id ksame.PersonID, s second) error {
	aead, err := t.key(id)
	if err != nil {
		return err
	}
	if has, ok := t.plan.second[id]; ok && has.quality >= s.quality {
		return nil
	}
	t.plan.second[id] = s
	t.exec("INSERT OR REPLACE INTO second VALUES (?, ?, ?)", id, s.quality, sealBytes(aead, "second", id, encodeEmbedding(s.embedding)))
	return nil
}

func (t *Tx) dropSecond(id ksame.PersonID) {
	delete(t.plan.second, id)
	t.exec("DELETE FROM second WHERE person = ?", id)
}

// NearestSecond finds the person whose embedding by this second recogniser is nearest; nobody (0, −1) where none are kept.
// Same and Maybe are not set: what they would mean is the first recogniser's.
func (t *Tx) NearestSecond(model string, embedding []float32) (Match, error) {
	e, err := t.plan.gallery.check(embedding)
	if err != nil {
		return Match{}, err
	}
	m := Match{Similarity: -1, Second: -1}
	if model != t.plan.secondModel {
		return m, nil
	}
	for _, id := range slices.Sorted(maps.Keys(t.plan.second)) {
		var s float64
		for i, v := range t.plan.second[id].embedding {
			s += float64(v) * float64(e[i])
		}
		switch {
		case math.IsNaN(s):
			return Match{}, fmt.Errorf("registry: match: a similarity is not a number")
		case s > m.Similarity:
			m.Runner, m.Second = m.Person, m.Similarity
			m.Person, m.Similarity = id, s
		case s > m.Second:
			m.Runner, m.Second = id, s
		}
	}
	return m, nil
}

// Seconds counts the people who have an embedding by the second recogniser.
func (r *Registry) Seconds() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.now.second)
}

func (c *content) loadSecond(ctx context.Context, db *sql.DB) error {
	return each(ctx, db, "SELECT person, quality, embedding FROM second ORDER BY person", func(scan func(...any) error) error {
		var id ksame.PersonID
		var s second
		var sealed []byte
		if err := scan(&id, &s.quality, &sealed); err != nil {
			return err
		}
		r := c.persons[id]
		if r == nil || r.wrapped == nil {
			return fmt.Errorf("registry: %w: a second embedding of person %d has no place", ksame.ErrTampered, id)
		}
		aead, err := c.secrets.personKey(id, r.wrapped)
		if err != nil {
			return err
		}
		plain, err := openBytes(aead, "second", id, sealed)
		if err != nil {
			return err
		}
		if s.embedding, err = decodeEmbedding(plain, c.dim); err != nil {
			return err
		}
		if s.embedding, err = c.gallery.check(s.embedding); err != nil {
			return err
		}
		c.second[id] = s
		return nil
	})
}
