package attack

import "math"

// Confidence is that of the limits: 95 %, both sides.
const Confidence = .95

// limits are the Clopper-Pearson limits of a probability of which hits of n trials came true.
// Source: Clopper, Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial", Biometrika
// 26(4), 1934: the probabilities at which hits or more, or hits or fewer, would have a chance of (1 − Confidence)/2.
func limits(hits, n int) (low, high float64) {
	const tail = (1 - Confidence) / 2
	low, high = 0, 1
	if hits > 0 {
		low = solve(func(p float64) bool { return atLeast(hits, n, p) < tail })
	}
	if hits < n {
		high = solve(func(p float64) bool { return 1-atLeast(hits+1, n, p) > tail })
	}
	return low, high
}

// solve is the largest p of 0..1 for which below holds, for one that holds up to some p and then no more.
func solve(below func(float64) bool) float64 {
	lo, hi := 0., 1.
	for range 60 {
		if mid := (lo + hi) / 2; below(mid) {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// atLeast is the probability of k or more of n with probability p each.
func atLeast(k, n int, p float64) float64 {
	switch {
	case k <= 0:
		return 1
	case p <= 0:
		return 0
	case p >= 1:
		return 1
	}
	lf := func(m int) float64 { v, _ := math.Lgamma(float64(m) + 1); return v }
	sum := 0.
	for i := k; i <= n; i++ {
		sum += math.Exp(lf(n) - lf(i) - lf(n-i) + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return min(1, sum)
}
