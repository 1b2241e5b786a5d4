package pipeline

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/registry"
	"github.com/ksamenet/ksamenet/internal/require"
	"github.com/ksamenet/ksamenet/models"
)

// newMirror skips without the networks.
func newMirror(t *testing.T) *mirror {
	t.Helper()
	for _, st := range models.DefaultStore("").Check() {
		if st.Err != nil {
			require.Missing(t, "models", st.Err.Error())
		}
	}
	m := &mirror{cfg: DefaultConfig()}
	if err := m.open(t.Context()); errors.Is(err, infer.ErrLibrary) {
		require.Missing(t, "ort", err.Error())
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// The bounds of I10 against what the present generator gives: mixtures of the default size that no bound refuses must be
// common, or clusters could not be dealt; a donor worn alone must be refused. The figures are printed; docs/guarantee.md
// quotes them.
func TestLikenessFigures(t *testing.T) {
	m := newMirror(t)
	r := rand.New(rand.NewPCG(1, 10))
	var mixes []ksame.Mix
	for range 12 {
		mix := ksame.Mix(r.Perm(Proxies)[:4])
		slices.Sort(mix)
		mixes = append(mixes, mix)
	}
	look := func(mix ksame.Mix) [][]float32 {
		p, err := m.portrait(t.Context(), mix)
		if err != nil || p == nil {
			t.Fatalf("%v: %v, no face in it: %v", mix, err, p == nil)
		}
		return p
	}
	free := 0
	for i, by := range m.recognizers {
		var donors, clusters []float64
		for k, mix := range mixes {
			best := 0.
			for d := range Proxies {
				best = max(best, dot(look(mix)[i], look(ksame.Mix{d})[i]))
			}
			donors = append(donors, best)
			for _, other := range mixes[:k] {
				clusters = append(clusters, dot(look(mix)[i], look(other)[i]))
			}
		}
		slices.Sort(donors)
		slices.Sort(clusters)
		t.Logf("%s: nearest donor %.3f to %.3f, median %.3f, bound %.3f; another mixture %.3f to %.3f, median %.3f, bound %.3f", by.model,
			donors[0], donors[len(donors)-1], donors[len(donors)/2], nearest[by.model].donor,
			clusters[0], clusters[len(clusters)-1], clusters[len(clusters)/2], nearest[by.model].cluster)
	}
	for _, mix := range mixes {
		ok := true
		for d := range Proxies {
			ok = ok && m.alike(look(mix), look(ksame.Mix{d}), func(b bounds) float64 { return b.donor }) < 1
		}
		if ok {
			free++
		}
	}
	if 2*free < len(mixes) {
		t.Errorf("%d of %d mixtures keep their distance from every donor", free, len(mixes))
	}

	t.Run("deal", func(t *testing.T) { testJudge(t, m) })
}

// A surrogate that resembles somebody enrolled is not dealt, and taken back where it stands already.
func testJudge(t *testing.T, m *mirror) {
	reg, ctx := newRegistry(t), t.Context()
	for i := range 6 {
		if _, err := reg.Enrol(ctx, registry.Candidate{Embedding: oneHot(i), Quality: .9}); err != nil {
			t.Fatal(err)
		}
	}
	cfg := config3()
	deal := func() []ksame.Mix {
		t.Helper()
		if err := prepareRegistry(ctx, cfg, reg, func(tx *registry.Tx) *registry.Judge { return m.judge(ctx, tx, .45) }); err != nil {
			t.Fatal(err)
		}
		var mixes []ksame.Mix
		for _, c := range reg.State().Clusters() {
			mixes = append(mixes, c.Mix(cfg.Donors))
		}
		return mixes
	}
	first := deal()
	if len(first) != 2 || !slices.EqualFunc(first, deal(), func(a, b ksame.Mix) bool { return slices.Equal(a, b) }) {
		t.Fatalf("dealt %v, then another deal", first)
	}
	double, err := m.portrait(ctx, first[0])
	if err != nil {
		t.Fatal(err)
	}
	// Only just like that surrogate: all mixtures resemble each other, and a whole double would leave none.
	person, r := make([]float32, len(double[0])), rand.New(rand.NewPCG(2, 10))
	for i := range person {
		person[i] = float32(r.NormFloat64())
	}
	along := dot(person, double[0])
	for i, v := range double[0] {
		person[i] -= float32(along) * v
	}
	for i, v := range unit(person) {
		person[i] = .8827*v + .47*double[0][i]
	}
	if _, err := reg.Enrol(ctx, registry.Candidate{Embedding: person, Quality: .9}); err != nil {
		t.Fatal(err)
	}
	again := deal()
	if slices.Equal(again[0], first[0]) {
		t.Errorf("cluster 1 still wears %v, the face of somebody enrolled", first[0])
	}
	p, err := m.portrait(ctx, again[0])
	if err != nil || p == nil {
		t.Fatal(p, err)
	}
	if s := dot(p[0], person); s >= .45 {
		t.Errorf("%v resembles the person by %.2f", again[0], s)
	}
}
