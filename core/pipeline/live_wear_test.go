package pipeline

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/registry"
)

func TestWardrobe(t *testing.T) {
	dir := t.TempDir()
	db, key := filepath.Join(dir, "r.db"), filepath.Join(dir, "key")
	reg, err := registry.Init(db, key, registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cfg, ctx := greyConfig(), context.Background()
	cfg.K = 3
	if err := prepareRegistry(ctx, cfg, reg, nobodyJudges); !errors.Is(err, ksame.ErrTooFew) {
		t.Errorf("an empty registry was prepared: %v", err)
	}
	for i := range 7 {
		if _, err := reg.Enrol(ctx, registry.Candidate{Embedding: oneHot(i), Quality: .9}); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := newWardrobe(cfg, reg); !errors.Is(err, ErrNotReady) {
		t.Errorf("without clusters: %v, want ErrNotReady", err)
	}
	if err := prepareRegistry(ctx, cfg, reg, nobodyJudges); err != nil {
		t.Fatal(err)
	}
	rows := len(reg.Ledger())
	if err := errors.Join(prepareRegistry(ctx, cfg, reg, nobodyJudges), reg.Close()); err != nil {
		t.Fatal(err)
	}
	if reg, err = registry.Open(db, key, registry.Options{ReadOnly: true}); err != nil {
		t.Fatal(err)
	}
	defer reg.Close()
	if len(reg.Ledger()) != rows {
		t.Error("preparing a prepared registry changed it")
	}
	w, l, err := newWardrobe(cfg, reg)
	if err != nil {
		t.Fatal(err)
	}
	nobody := func(ksame.PersonID) bool { return false }
	for i := range 7 {
		o, known, err := w.choose(oneHot(i), nobody)
		if err != nil || !known || o.action != decisions.Replace || o.cluster != reg.State().Of(o.person) {
			t.Errorf("person %d: %+v, %v, %v", i, o, known, err)
		}
	}
	if _, known, err := w.choose(oneHot(100), nobody); known || err != nil {
		t.Errorf("a stranger is known: %v", err)
	}
	if _, known, _ := w.choose(oneHot(1), func(ksame.PersonID) bool { return true }); known {
		t.Error("a person who is in the picture already was found again")
	}
	for _, c := range l.Clusters {
		if len(c.Donors) != cfg.Donors || c.ID == sharedCluster || c.Members < cfg.K {
			t.Errorf("cluster %+v", c)
		}
	}
	other := cfg
	other.Donors = 5
	if _, _, err := newWardrobe(other, reg); !errors.Is(err, ErrNotReady) {
		t.Errorf("donors that were not dealt: %v, want ErrNotReady", err)
	}
	if _, _, err := newWardrobe(cfg, nil); !errors.Is(err, ErrConfig) {
		t.Errorf("no registry: %v, want ErrConfig", err)
	}
	cfg.Uncertified = true
	_, shared, err := newWardrobe(cfg, nil)
	if err != nil || len(shared.Clusters) != 1 || len(shared.Clusters[0].Donors) != cfg.Donors {
		t.Errorf("uncertified: %+v, %v", shared, err)
	}
	cfg.Keep = []int64{1}
	if _, err := OpenLive(ctx, cfg, reg); !errors.Is(err, ErrConfig) {
		t.Errorf("keep: %v, want ErrConfig", err)
	}
}

// nobodyJudges deals without looking at surrogates.
func nobodyJudges(*registry.Tx) *registry.Judge { return nil }
