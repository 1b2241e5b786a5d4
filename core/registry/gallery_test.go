package registry

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ksamenet/ksamenet/core/ksame"
)

// However many cores share the rows, the nearest and the next person are those of a plain loop.
func TestMatchIsAPlainSearch(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	for _, n := range []int{1, 2, rowsPerCore, rowsPerCore + 1, 3*rowsPerCore - 5} {
		g := newGallery(8)
		for i := range n {
			e := make([]float32, 8)
			for d := range e {
				e[d] = float32(rng.NormFloat64())
			}
			g.add(ksame.PersonID(1+i/3), e, 1)
		}
		for range 5 {
			query := make([]float32, 8)
			for d := range query {
				query[d] = float32(rng.NormFloat64())
			}
			best := map[ksame.PersonID]float64{}
			var first, second ksame.PersonID
			for i, p := range g.owners {
				var s float64
				for d, v := range g.row(i) {
					s += float64(v) * float64(query[d])
				}
				if had, ok := best[p]; !ok || s > had {
					best[p] = s
				}
			}
			for p, s := range best {
				if first == 0 || s > best[first] {
					first, second = p, first
				} else if second == 0 || s > best[second] {
					second = p
				}
			}
			m, err := g.match(query)
			if err != nil || m.Person != first || m.Runner != second || math.Abs(m.Similarity-best[first]) > 1e-4 {
				t.Fatalf("%d rows: %+v, %v, want %d (%v) and %d", n, m, err, first, best[first], second)
			}
		}
	}
}
