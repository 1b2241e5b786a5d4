package attack

import (
	"math"
	"testing"
)

// Values of the Clopper-Pearson interval from the beta distribution (scipy.stats.beta.ppf).
func TestLimits(t *testing.T) {
	for _, tc := range []struct {
		hits, n   int
		low, high float64
	}{
		{0, 10, 0, .308497}, {1, 10, .002529, .445016}, {4, 12, .099246, .651124}, {10, 10, .691503, 1}, {7, 60, .048215, .225716}, {0, 1, 0, .975}, {50, 1000, .037335, .065390},
	} {
		low, high := limits(tc.hits, tc.n)
		if math.Abs(low-tc.low) > 2e-6 || math.Abs(high-tc.high) > 2e-6 {
			t.Errorf("%d of %d: %.6f to %.6f, want %.6f to %.6f", tc.hits, tc.n, low, high, tc.low, tc.high)
		}
	}
}
