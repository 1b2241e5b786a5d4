package pipeline

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func direction(r *rand.Rand, base []float32, noise float64) []float32 {
	v := make([]float32, 64)
	for i := range v {
		v[i] = float32(r.NormFloat64() * noise)
		if base != nil {
			v[i] += base[i]
		}
	}
	return unit(v)
}

func TestJoinSightings(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	a, b := direction(r, nil, 1), direction(r, nil, 1)
	near := func(v []float32) []float32 { return direction(r, v, .05) }
	for _, tc := range []struct {
		name string
		in   []sighting
		want [][]int
	}{
		{"two people over two shots", []sighting{{0, 0, 9, near(a)}, {0, 0, 9, near(b)}, {1, 10, 19, near(b)}, {1, 10, 19, near(a)}}, [][]int{{0, 3}, {1, 2}}},
		{"twins in one frame stay two", []sighting{{0, 0, 9, near(a)}, {0, 5, 9, near(a)}}, [][]int{{0}, {1}}},
		{"no embedding stays alone", []sighting{{0, 0, 9, nil}, {1, 10, 19, near(a)}, {2, 20, 29, nil}}, [][]int{{0}, {1}, {2}}},
		{"cannot-link holds through a third", []sighting{{0, 0, 9, near(a)}, {0, 5, 9, near(a)}, {1, 10, 12, near(a)}}, nil},
		{"nobody", nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := joinSightings(tc.in, .45)
			if tc.want != nil && !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
			for _, g := range got {
				for i, x := range g {
					for _, y := range g[:i] {
						if tc.in[x].first <= tc.in[y].last && tc.in[y].first <= tc.in[x].last {
							t.Errorf("group %v joins tracklets that share a frame", g)
						}
					}
				}
			}
		})
	}
}

// Groups do not depend on the order in which tracklets are numbered.
func TestJoinSightingsIsOrderFree(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var in []sighting
	var who []int
	for p := range 7 {
		base := direction(r, nil, 1)
		for s := range 5 {
			in = append(in, sighting{s, int64(s * 10), int64(s*10 + 9), direction(r, base, .06)})
			who = append(who, p)
		}
	}
	for range 20 {
		perm := r.Perm(len(in))
		shuffled := make([]sighting, len(in))
		for i, j := range perm {
			shuffled[i] = in[j]
		}
		got := joinSightings(shuffled, .45)
		if len(got) != 7 {
			t.Fatalf("%d groups, want 7", len(got))
		}
		for _, g := range got {
			for _, m := range g {
				if who[perm[m]] != who[perm[g[0]]] {
					t.Fatalf("group %v mixes people", g)
				}
			}
		}
	}
}

// Chains find what joining the most similar pair of groups again and again finds.
func TestJoinSightingsIsAverageLinkage(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 60 {
		var in []sighting
		for range 3 {
			base := direction(r, nil, 1)
			for range r.IntN(8) {
				f := r.Int64N(60)
				in = append(in, sighting{0, f, f + r.Int64N(9), direction(r, base, .05+.2*r.Float64())})
			}
		}
		var want [][]int
		for i := range in {
			want = append(want, []int{i})
		}
		for {
			a, b, most := -1, -1, .45
			for i := range want {
			pairs:
				for j := range i {
					sum := 0.
					for _, x := range want[i] {
						for _, y := range want[j] {
							if in[x].first <= in[y].last && in[y].first <= in[x].last {
								continue pairs
							}
							sum += dot(in[x].embedding, in[y].embedding)
						}
					}
					if v := sum / float64(len(want[i])*len(want[j])); v >= most {
						a, b, most = i, j, v
					}
				}
			}
			if a < 0 {
				break
			}
			want[b] = append(want[b], want[a]...)
			slices.Sort(want[b])
			want = slices.Delete(want, a, a+1)
		}
		slices.SortFunc(want, func(a, b []int) int { return a[0] - b[0] })
		if got := joinSightings(in, .45); !slices.EqualFunc(got, want, slices.Equal) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

// A long film's tracklets.
func BenchmarkJoinSightings(b *testing.B) {
	r := rand.New(rand.NewPCG(9, 10))
	var people [][]float32
	for range 14 {
		people = append(people, direction(r, nil, 1))
	}
	var in []sighting
	for i := range int64(5000) {
		in = append(in, sighting{0, i / 7 * 10, i/7*10 + 9, direction(r, people[i%14], .06)})
	}
	b.ReportAllocs()
	for b.Loop() {
		if n := len(joinSightings(in, .45)); n != 14 {
			b.Fatalf("%d people", n)
		}
	}
}

func TestConfigValidate(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Errorf("the default configuration is refused: %v", err)
	}
	c := DefaultConfig()
	c.K, c.Donors, c.Fallback, c.Engine, c.Keep, c.Cover = 0, 99, "clear", "gpu", []int64{4}, []int64{4}
	err := c.Validate()
	for _, want := range []string{"k is 0", "donors is 99", `fallback is "clear"`, `engine is "gpu"`, "person 4"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate does not name %q: %v", want, err)
		}
	}
}
