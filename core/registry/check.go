package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/ksamenet/ksamenet/core/ksame"
)

// Health is what Check found.
type Health struct {
	Rows     int64  // ledger rows replayed
	Head     string // hash of the newest row
	Persons  int    // enrolled and not forgotten
	Samples  int
	Seconds  int // people with an embedding by the second recogniser
	Clusters int
	Smallest int // distinct people of the smallest cluster, 0 without clusters
}

// Check reads the whole file again and verifies it: SQLite's own check, the ledger from its first row (I2, I8, hashes, the
// key's seal on the newest row), every embedding, that tables and ledger name the same people, and that the counts in the
// ledger are what the embeddings say. The error lists every fault found in the last step, else the first one.
func (r *Registry) Check(ctx context.Context) (Health, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.db == nil {
		return Health{}, ErrClosed
	}
	var verdict string
	if err := r.db.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&verdict); err != nil {
		return Health{}, fmt.Errorf("registry: check: %w", err)
	}
	if verdict != "ok" {
		return Health{}, fmt.Errorf("registry: %w: %s", ksame.ErrTampered, verdict)
	}
	key, err := readKey(r.keyPath)
	if err != nil {
		return Health{}, err
	}
	c, err := load(ctx, r.db, key)
	if err != nil {
		return Health{}, err
	}
	h := Health{Rows: c.state.Rows(), Head: c.state.Head(), Persons: len(c.state.Persons()), Samples: len(c.gallery.owners), Seconds: len(c.second)}
	var faults []error
	for _, cluster := range c.state.Clusters() {
		h.Clusters++
		if h.Smallest == 0 || cluster.Distinct < h.Smallest {
			h.Smallest = cluster.Distinct
		}
		if n := ksame.Distinct(cluster.Members, c.same()); n != cluster.Distinct {
			faults = append(faults, fmt.Errorf("registry: %w: cluster %d has %d distinct people by its embeddings, %d by the ledger (threshold %v)",
				ksame.ErrTampered, cluster.ID, n, cluster.Distinct, c.tauLow))
		}
	}
	return h, errors.Join(faults...)
}
