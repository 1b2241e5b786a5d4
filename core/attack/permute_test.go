package attack

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// guesses is an attack on clusters: guesses[c][u] is the member that is found for member u of cluster c, -1 somebody of another one.
func guesses(all [][]int) *Attack {
	a := &Attack{Attack: Parrot}
	for c, found := range all {
		for u, v := range found {
			p := Person{Person: fmt.Sprint(c, u), Group: uint64(c) + 1, Found: fmt.Sprint(c, v)}
			if v < 0 {
				p.Found = fmt.Sprint(c+1, 0)
			}
			if u == v {
				a.Hits++
			}
			a.PerPerson = append(a.PerPerson, p)
		}
	}
	return a
}

// Every deal of names, counted; and of the first half of the probes alone.
func TestByChanceCountsAllDeals(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for n := 1; n <= 6; n++ {
		for range 20 {
			found := make([]int, n)
			for i := range found {
				found[i] = r.IntN(n+1) - 1
			}
			want, part, deals := make([]float64, n+1), make([]float64, n+1), 0.
			perm := make([]int, 0, n)
			var deal func(used int)
			deal = func(used int) {
				if len(perm) == n {
					hits, few := 0, 0
					for u, v := range perm {
						if found[u] == v {
							hits++
							if u < n/2 {
								few++
							}
						}
					}
					want[hits]++
					part[few]++
					deals++
					return
				}
				for v := range n {
					if used&(1<<v) == 0 {
						perm = append(perm, v)
						deal(used | 1<<v)
						perm = perm[:len(perm)-1]
					}
				}
			}
			deal(0)
			a := guesses([][]int{found})
			first := func(p *Person) bool {
				return slices.IndexFunc(a.PerPerson, func(q Person) bool { return q.Person == p.Person }) < n/2
			}
			for _, c := range []struct{ got, want []float64 }{{a.byChance(nil), want}, {a.byChance(first), part}} {
				for j := range c.want {
					g := 0.
					if j < len(c.got) {
						g = c.got[j]
					}
					if math.Abs(g-c.want[j]/deals) > 1e-9 {
						t.Fatalf("%v: %d hits have probability %v, want %v", found, j, g, c.want[j]/deals)
					}
				}
			}
		}
	}
}

func TestByChanceOfPairs(t *testing.T) {
	// Two that are found for each other's and their own probes: both right or both wrong. One that draws both: always one hit.
	if d := guesses([][]int{{0, 1}}).byChance(nil); len(d) != 3 || d[0] != .5 || d[1] != 0 || d[2] != .5 {
		t.Errorf("told apart: %v", d)
	}
	if d := guesses([][]int{{0, 0}}).byChance(nil); d[0] != 0 || d[1] != 1 {
		t.Errorf("one draws both: %v", d)
	}
	// Thirty pairs, 44 hits: independent trials would say .0002.
	var all [][]int
	for i := range 30 {
		all = append(all, [][]int{{0, 1}, {1, 0}}[i/22])
	}
	a := guesses(all)
	if p := tail(a.byChance(nil), a.Hits); a.Hits != 44 || math.Abs(p-atLeast(22, 30, .5)) > 1e-9 {
		t.Errorf("%d hits of 30 pairs: %v, want that of 22 heads of 30", a.Hits, p)
	}
	// A cluster of a hundred, found at random and found out.
	one, none := make([]int, 100), make([]int, 100)
	for i := range one {
		one[i], none[i] = i, (i+1)%100
	}
	if p := tail(guesses([][]int{one}).byChance(nil), 100); p > 1e-100 {
		t.Errorf("a hundred found of a hundred: %v", p)
	}
	if p := tail(guesses([][]int{none}).byChance(nil), 0); math.Abs(p-1) > 1e-9 {
		t.Errorf("all outcomes together: %v", p)
	}
	link := guesses([][]int{{0}, {0}, {0}})
	link.Attack = Linkage
	if d := link.byChance(nil); math.Abs(d[0]-1./3) > 1e-9 || math.Abs(d[3]-1./6) > 1e-9 {
		t.Errorf("three clusters found out: %v", d)
	}
}
