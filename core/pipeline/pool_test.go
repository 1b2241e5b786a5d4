package pipeline

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/registry"
)

// The pool holds the donors that were asked for and no others; the bands divide all donors among them.
func TestPool(t *testing.T) {
	cfg := DefaultConfig()
	if pool := cfg.pool(); !slices.Equal(pool, ksame.AllDonors(Proxies)) {
		t.Errorf("the default pool is %v", pool)
	}
	for name, set := range map[string]struct {
		values []string
		field  func(*Config) *string
		is     func(donor) string
	}{
		"age":    {Ages, func(c *Config) *string { return &c.Age }, donor.age},
		"gender": {Genders, func(c *Config) *string { return &c.Gender }, donor.gender},
		"tone":   {Tones, func(c *Config) *string { return &c.Tone }, func(d donor) string { return Tones[1+d.Tone] }},
	} {
		sum := 0
		for _, v := range set.values[1:] {
			cfg := DefaultConfig()
			*set.field(&cfg) = v
			pool := cfg.pool()
			sum += len(pool)
			if len(pool) == 0 {
				t.Errorf("%s %s: no donor", name, v)
			}
			for _, i := range pool {
				if got := set.is(donors()[i]); got != v {
					t.Errorf("%s %s: donor %d is %s", name, v, i, got)
				}
			}
			if err := cfg.Validate(); err != nil {
				t.Errorf("%s %s: %v", name, v, err)
			}
		}
		if sum != Proxies {
			t.Errorf("%s: %d donors in all", name, sum)
		}
	}
}

func TestPoolTooSmall(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Age, cfg.Gender, cfg.Tone = "old", "female", "tan"
	err := cfg.Validate()
	if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "leave 1 donors, and surrogates of 4 need 5 at least") {
		t.Errorf("got %v", err)
	}
	for _, wrong := range []func(*Config){func(c *Config) { c.Age = "5" }, func(c *Config) { c.Tone = "" }, func(c *Config) { c.Expression = "sad" }} {
		cfg := DefaultConfig()
		wrong(&cfg)
		if err := cfg.Validate(); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

// Another policy deals clusters of other donors, and keeps those whose donors it allows: the same for everybody in it.
func TestPolicyIsTheClusters(t *testing.T) {
	reg, ctx := newRegistry(t), t.Context()
	for i := range 6 {
		if _, err := reg.Enrol(ctx, registry.Candidate{Embedding: oneHot(i), Quality: .9}); err != nil {
			t.Fatal(err)
		}
	}
	cfg := config3()
	if err := prepareRegistry(ctx, cfg, reg, nobodyJudges); err != nil {
		t.Fatal(err)
	}
	cfg.Age, cfg.Expression = "old", ExpressionNeutral
	if _, _, err := newWardrobe(cfg, reg); !errors.Is(err, ErrNotReady) {
		t.Errorf("clusters of other donors: %v, want ErrNotReady", err)
	}
	if err := prepareRegistry(ctx, cfg, reg, nobodyJudges); err != nil {
		t.Fatal(err)
	}
	_, l, err := newWardrobe(cfg, reg)
	if err != nil {
		t.Fatal(err)
	}
	if !l.Policy.Neutral || len(l.Clusters) != 2 {
		t.Errorf("%+v", l)
	}
	for _, c := range l.Clusters {
		for _, d := range c.Donors {
			if donors()[d].age() != "old" {
				t.Errorf("cluster %d has donor %d, who is %s", c.ID, d, donors()[d].age())
			}
		}
	}
	cfg.Age = Any
	rows := len(reg.Ledger())
	if err := prepareRegistry(ctx, cfg, reg, nobodyJudges); err != nil || len(reg.Ledger()) != rows {
		t.Errorf("a wider policy dealt %d rows, %v", len(reg.Ledger())-rows, err)
	}
}
