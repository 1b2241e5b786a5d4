package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/registry"
)

// ErrNotReady says that a stream cannot start on a registry as it is: clusters or donors are missing. PrepareRegistry
// mends it.
var ErrNotReady = errors.New("pipeline: the registry is not ready for a stream")

// sharedCluster is the surrogate that everybody wears who has no certified one. Clusters of a registry count from 1.
const sharedCluster = 0

// sharedKey draws the shared surrogate of a stream without a registry. It is no secret, and need not be one: everybody
// gets the same surrogate, so the choice says nothing about anybody.
var sharedKey = []byte("ksamenet: the shared surrogate of a stream without a registry, draw 1")

// matcher finds the enrolled person nearest to an embedding.
type matcher interface {
	Match(embedding []float32) (registry.Match, error)
}

// wardrobe says who wears what. It is fixed at start.
type wardrobe struct {
	people   matcher // nil: nobody is looked up
	cluster  map[ksame.PersonID]ksame.ClusterID
	cover    map[ksame.PersonID]bool
	clusters []decisions.Cluster // all surrogates there are
	rows     int                 // of the ledger at the start
	head     string              // hash of the last one
	shared   bool                // strangers wear the shared surrogate rather than a cover
}

// newWardrobe reads clusters and donors, and lists the mixes for the generator.
func newWardrobe(cfg Config, reg *registry.Registry) (*wardrobe, *decisions.List, error) {
	w := &wardrobe{cluster: map[ksame.PersonID]ksame.ClusterID{}, cover: map[ksame.PersonID]bool{}, shared: cfg.Uncertified}
	l := &decisions.List{Policy: decisions.Policy{Neutral: cfg.Expression == ExpressionNeutral}}
	if reg == nil {
		if !cfg.Uncertified {
			return nil, nil, fmt.Errorf("%w: a stream needs a registry; without one, only uncertified surrogates are possible", ErrConfig)
		}
		if len(cfg.Cover) > 0 {
			return nil, nil, fmt.Errorf("%w: persons to cover were named, but no registry", ErrConfig)
		}
		mix, err := ksame.SharedMix(sharedKey, cfg.Donors, cfg.pool())
		if err != nil {
			return nil, nil, err
		}
		l.Clusters = []decisions.Cluster{{ID: sharedCluster, Donors: mix}}
		w.clusters = l.Clusters
		return w, l, nil
	}
	w.people = reg
	state, pool := reg.State(), cfg.pool()
	for _, c := range state.Clusters() {
		if !state.Certified(c.ID, cfg.K) {
			continue
		}
		mix := c.Mix(cfg.Donors)
		if outside := func(d int) bool { return !slices.Contains(pool, d) }; mix == nil || slices.ContainsFunc(mix, outside) {
			return nil, nil, fmt.Errorf("%w: cluster %d has no surrogate of %d such donors yet", ErrNotReady, c.ID, cfg.Donors)
		}
		for _, p := range c.Members {
			w.cluster[p] = c.ID
		}
		l.Clusters = append(l.Clusters, decisions.Cluster{ID: uint64(c.ID), Members: c.Distinct, Donors: mix})
	}
	for _, id := range cfg.Cover {
		if !slices.Contains(state.Persons(), ksame.PersonID(id)) {
			return nil, nil, fmt.Errorf("%w: the registry has no person %d", ErrConfig, id)
		}
		w.cover[ksame.PersonID(id)] = true
	}
	if cfg.Uncertified {
		mix, err := reg.SharedMix(cfg.Donors, cfg.pool())
		if err != nil {
			return nil, nil, err
		}
		l.Clusters = append(l.Clusters, decisions.Cluster{ID: sharedCluster, Donors: mix})
	} else if len(l.Clusters) == 0 {
		return nil, nil, fmt.Errorf("%w: no cluster is certified for k = %d", ErrNotReady, cfg.K)
	}
	w.clusters, w.rows, w.head = l.Clusters, int(state.Rows()), state.Head()
	return w, l, nil
}

// PrepareRegistry makes a registry ready for streams with these settings: everybody enrolled gets a cluster of cfg.K
// people or more, and every cluster its donors. reg must be open for writing. What is there already stays as it is, but for surrogates that
// resemble somebody enrolled since, or that other donors than cfg asks for make up. The networks are opened for it.
//
// A *ksame.TooFewError means that fewer than cfg.K distinct people are enrolled; nothing is changed then.
func PrepareRegistry(ctx context.Context, cfg Config, reg *registry.Registry) (err error) {
	m := &mirror{cfg: cfg}
	defer func() { err = errors.Join(err, m.Close()) }()
	link, _ := reg.Thresholds()
	return prepareRegistry(ctx, cfg, reg, func(tx *registry.Tx) *registry.Judge { return m.judge(ctx, tx, link) })
}

// Prepare is PrepareRegistry with the networks that are open already. With cfg.Rekey every cluster gets a surrogate that it
// never wore.
func (s *Stages) Prepare(ctx context.Context, cfg Config, reg *registry.Registry) error {
	link, _ := reg.Thresholds()
	return prepareRegistry(ctx, cfg, reg, func(tx *registry.Tx) *registry.Judge { return s.judge(ctx, tx, link) })
}

func prepareRegistry(ctx context.Context, cfg Config, reg *registry.Registry, judge func(*registry.Tx) *registry.Judge) error {
	tx, err := reg.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.Ensure(registry.Request{K: cfg.K}); err != nil {
		return err
	}
	state := tx.State()
	if len(state.Persons()) == 0 { // then there was nobody to find too few
		return &ksame.TooFewError{Need: cfg.K}
	}
	for _, c := range state.Clusters() {
		if !state.Certified(c.ID, cfg.K) {
			continue
		}
		deal := tx.Donors
		if cfg.Rekey {
			deal = tx.Rekey
		}
		if _, err := deal(c.ID, cfg.Donors, cfg.pool(), judge(tx)); err != nil {
			return err
		}
	}
	return tx.Commit(ctx)
}

// checkRecognizer refuses a registry whose embeddings another network made: nobody in it could be recognised.
func checkRecognizer(eyes *Stages, reg *registry.Registry) error {
	if reg == nil || reg.Recognizer() == "" {
		return nil
	}
	for _, m := range eyes.Models() {
		if m.Name+":"+m.SHA256 == reg.Recognizer() {
			return nil
		}
	}
	return fmt.Errorf("%w: it was made with %q", registry.ErrModel, reg.Recognizer())
}

// choose says what a face with this embedding wears; worn are the people who are in the picture already, for two faces in
// one picture are two people. It decides nothing (false) for a face that resembles nobody enrolled.
func (w *wardrobe) choose(embedding []float32, worn func(ksame.PersonID) bool) (outfit, bool, error) {
	m, err := w.people.Match(embedding)
	if err != nil || !m.Same || worn(m.Person) {
		return outfit{}, false, err
	}
	o := outfit{action: decisions.Replace, person: m.Person, cluster: w.cluster[m.Person]}
	switch {
	case w.cover[m.Person]:
		o.action, o.why = decisions.Cover, "covered on request"
	case o.cluster == 0 && !w.shared:
		o.action, o.why = decisions.Cover, "the person's cluster is not certified"
	}
	return o, true, nil
}

// outfit is what a face wears until its shot ends.
type outfit struct {
	action  decisions.Action // empty: not decided yet, covered
	person  ksame.PersonID   // 0: a stranger
	cluster ksame.ClusterID
	why     string // why it is covered
}
