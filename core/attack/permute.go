package attack

import "math"

// byChance is the distribution of an attack's hits if its output told the cluster and nothing more: then the names of a cluster's
// members in the gallery could be dealt anew, and every deal is equally likely. out[j] is the probability of j hits.
//
// It is exact, and needs no independence of trials: who looks like nobody else draws all the cluster's probes, and one member's
// hit then is another one's miss. (Clopper-Pearson limits take the trials for independent.)
//
// In a cluster of m, with n[v] the probes that v is found for, j hits or more of a deal are a way to put j of the probes on the
// names they were found for: there are r[j] = e_j(n) such choices (elementary symmetric polynomials), each in (m−j)! deals,
// and inclusion and exclusion gives the deals with exactly j. Source: Riordan, "An Introduction to Combinatorial Analysis", 1958,
// chapter 7 (permutations with restricted positions).
//
// Where counts is not nil, hits of others are not counted; names are dealt to all.
func (a *Attack) byChance(counts func(*Person) bool) []float64 {
	type cluster struct {
		members int
		found   map[string]int
	}
	groups := map[uint64]*cluster{}
	var order []uint64
	of := func(p *Person) (uint64, bool) {
		if a.Attack == Linkage { // clusters are sought among all clusters
			return 0, true
		}
		return p.Group, p.Group != 0
	}
	in := map[string]uint64{}
	out := []float64{1}
	for i := range a.PerPerson {
		p := &a.PerPerson[i]
		g, ok := of(p)
		if !ok { // in a cluster of their own: known
			if p.Found == p.Person && (counts == nil || counts(p)) {
				out = convolve(out, []float64{0, 1})
			}
			continue
		}
		if groups[g] == nil {
			groups[g] = &cluster{found: map[string]int{}}
			order = append(order, g)
		}
		groups[g].members++
		in[p.Person] = g
	}
	for i := range a.PerPerson {
		p := &a.PerPerson[i]
		if g, ok := of(p); ok && (counts == nil || counts(p)) {
			if at, known := in[p.Found]; known && at == g {
				groups[g].found[p.Found]++
			}
		}
	}
	for _, g := range order {
		c := groups[g]
		n := make([]float64, 0, len(c.found))
		for _, name := range sortedNames(c.found) {
			n = append(n, float64(c.found[name]))
		}
		out = convolve(out, fixed(c.members, n))
	}
	return out
}

// fixed is the distribution of the number of hits of a random permutation of m, of which n are the numbers of rows that hit in
// each column.
func fixed(m int, n []float64) []float64 {
	choices := make([]float64, len(n)+1) // elementary symmetric polynomials of n
	choices[0] = 1
	for i, v := range n {
		for j := i + 1; j > 0; j-- {
			choices[j] += v * choices[j-1]
		}
	}
	lf := func(k int) float64 { v, _ := math.Lgamma(float64(k) + 1); return v }
	out := make([]float64, len(choices))
	for j := range out {
		for i := j; i < len(choices); i++ {
			if choices[i] == 0 {
				continue
			}
			term := math.Exp(lf(i) - lf(j) - lf(i-j) + math.Log(choices[i]) + lf(m-i) - lf(m))
			if (i-j)%2 == 1 {
				term = -term
			}
			out[j] += term
		}
		out[j] = max(0, out[j]) // rounding
	}
	return out
}

func convolve(a, b []float64) []float64 {
	out := make([]float64, len(a)+len(b)-1)
	for i, x := range a {
		for j, y := range b {
			out[i+j] += x * y
		}
	}
	return out
}

// tail is the probability of k or more.
func tail(distribution []float64, k int) (p float64) {
	for i := max(0, k); i < len(distribution); i++ {
		p += distribution[i]
	}
	return min(1, p)
}
