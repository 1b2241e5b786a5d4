package pipeline

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/recognizer"
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
	t.Run("rekey", func(t *testing.T) { testRekey(t, m) })
	t.Run("guess", func(t *testing.T) { testGuess(t, m, mixes) })
}

// A surrogate that resembles somebody by the second recogniser alone is taken back, too.
func testSecondJudge(t *testing.T, m *mirror, reg *registry.Registry, deal func() []ksame.Mix, worn ksame.Mix) {
	if len(m.recognizers) < 2 {
		require.Missing(t, "models", "one recogniser is installed")
	}
	double, err := m.portrait(t.Context(), worn)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 10))
	person := make([]float32, len(double[1]))
	for i := range person {
		person[i] = float32(r.NormFloat64())
	}
	along := dot(person, double[1])
	for i, v := range double[1] {
		person[i] -= float32(along) * v
	}
	for i, v := range unit(person) {
		person[i] = .312*v + .95*double[1][i]
	}
	tx, err := reg.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if err := tx.SetSecond(m.recognizers[1].id, 1, person, .9); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, mix := range deal() {
		p, err := m.portrait(t.Context(), mix)
		if err != nil || p == nil {
			t.Fatal(p, err)
		}
		if s := dot(p[1], person); s >= nearest[modelSecond].person || slices.Equal(mix, worn) {
			t.Errorf("cluster %d wears %v, like somebody by %.3f", i+1, mix, s)
		}
	}
}

// After a rekey the clusters are the same people, and neither recogniser takes the new surrogate of any of them for an old one
// of any of them; SFace, which tells surrogates apart better, does not in other looks either. Nor is a cluster's own old
// surrogate the nearest to its new one.
func testRekey(t *testing.T, m *mirror) {
	reg, ctx, cfg := fixedRegistry(t), t.Context(), config3()
	for i := range 9 {
		if _, err := reg.Enrol(ctx, registry.Candidate{Embedding: oneHot(i), Quality: .9}); err != nil {
			t.Fatal(err)
		}
	}
	judge := func(tx *registry.Tx) *registry.Judge { return m.judge(ctx, tx, .45) }
	if err := prepareRegistry(ctx, cfg, reg, judge); err != nil {
		t.Fatal(err)
	}
	before := reg.Clusters()
	tx, err := reg.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	var old, fresh []ksame.Mix
	for _, c := range before {
		mix, err := tx.Rekey(c.ID, cfg.Donors, cfg.pool(), judge(tx))
		if err != nil {
			t.Fatal(err)
		}
		old, fresh = append(old, c.Mix(cfg.Donors)), append(fresh, mix)
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	for i, c := range reg.Clusters() {
		if c.ID != before[i].ID || !slices.Equal(c.Members, before[i].Members) {
			t.Errorf("cluster %d of %v became %d of %v", before[i].ID, before[i].Members, c.ID, c.Members)
		}
	}
	smile := appearance.Raw{Yaw: 12, Pitch: -6}
	smile.Expression[0], smile.Expression[1] = .5, .5
	looks := []appearance.Appearance{{}, appearance.Quantize(smile), appearance.Quantize(appearance.Raw{Yaw: -15, Pitch: 5})}
	faces := func(mix ksame.Mix) (out [][][]float32) {
		for _, look := range looks {
			p, err := m.embed(ctx, mix, look)
			if err != nil || p == nil {
				t.Fatalf("%v: %v, no face in it: %v", mix, err, p == nil)
			}
			out = append(out, p)
		}
		return out
	}
	cluster := func(b bounds) float64 { return b.cluster }
	var oldFaces, newFaces [][][][]float32
	for i := range old {
		oldFaces, newFaces = append(oldFaces, faces(old[i])), append(newFaces, faces(fresh[i]))
	}
	linked, neutral, worst := 0, 0., 0.
	for i, a := range newFaces {
		best, at := 0., -1
		for k, b := range oldFaces {
			neutral = max(neutral, m.alike(a[0], b[0], cluster))
			for _, p := range a {
				for _, q := range b {
					if like := dot(p[0], q[0]); like > best {
						best, at = like, k
					}
				}
			}
		}
		worst = max(worst, best)
		if at == i {
			linked++
		}
	}
	t.Logf("nearest an old surrogate: %.3f of the bounds of both; %.3f under SFace in any looks; %d of %d clusters are nearest to their own old one",
		neutral, worst, linked, len(old))
	if neutral >= 1 || worst >= nearest[modelRecognizer].cluster {
		t.Error("a new surrogate is taken for an old one")
	}
	if linked == len(old) {
		t.Error("every new surrogate is nearest to the old one of its own cluster")
	}
}

// fixedRegistry is a registry that makes the same choices every time.
func fixedRegistry(t *testing.T) *registry.Registry {
	t.Helper()
	dir := t.TempDir()
	key := filepath.Join(dir, "r.key")
	if err := os.WriteFile(key, []byte("0123456789abcdef0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := registry.Init(filepath.Join(dir, "r.db"), key, registry.Options{ID: []byte("0123456789abcdef")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// What is guessed of a mixture from its donors orders mixtures about as their surrogates do.
func testGuess(t *testing.T, m *mirror, mixes []ksame.Mix) {
	reg, ctx := newRegistry(t), t.Context()
	r := rand.New(rand.NewPCG(4, 10))
	for range 400 {
		person := make([]float32, recognizer.Size)
		for i := range person {
			person[i] = float32(r.NormFloat64())
		}
		if _, err := reg.Enrol(ctx, registry.Candidate{Embedding: unit(person), Quality: .9}); err != nil {
			t.Fatal(err)
		}
	}
	tx, err := reg.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	var agree, pairs int
	var guessed, found []float64
	for _, mix := range mixes {
		near, err := m.guess(ctx, tx, .45, mix, nil)
		if err != nil {
			t.Fatal(err)
		}
		p, err := m.portrait(ctx, mix)
		if err != nil {
			t.Fatal(err)
		}
		who, err := tx.Match(p[0])
		if err != nil {
			t.Fatal(err)
		}
		for i := range found {
			pairs++
			if (near > guessed[i]) == (who.Similarity/.45 > found[i]) {
				agree++
			}
		}
		guessed, found = append(guessed, near), append(found, who.Similarity/.45)
	}
	if t.Logf("%d of %d pairs of mixtures are guessed in the right order", agree, pairs); 10*agree < 6*pairs {
		t.Error("the guess is no better than chance")
	}
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
	testSecondJudge(t, m, reg, deal, again[0])
}
