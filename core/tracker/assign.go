package tracker

import "math"

// forbidden marks a pair that must not be assigned.
var forbidden = math.Inf(1)

// assigner solves rectangular assignment problems; it keeps its buffers between calls.
type assigner struct {
	u, v, low []float64
	match     []int
	way       []int
	done      []bool
}

// solve assigns rows to columns so that the sum of costs is smallest, where leaving a row unassigned costs limit.
// cost: rows x cols, row by row; forbidden entries are never chosen. row[i] becomes the column of row i, or -1.
// Shortest augmenting paths with potentials (Jonker and Volgenant, Computing 38, 1987), O(rows² (rows+cols)).
// Ties go to the lower row and column, so the result depends on nothing but the arguments.
func (a *assigner) solve(cost []float64, rows, cols int, limit float64, row []int) {
	for i := range rows {
		row[i] = -1
	}
	if rows == 0 || cols == 0 {
		return
	}
	// One spare column per row stands for "unassigned", so a full assignment always exists.
	const far = 1e9
	n, m := rows, cols+rows
	a.u, a.v, a.low = resize(a.u, n+1), resize(a.v, m+1), resize(a.low, m+1)
	a.match, a.way, a.done = resize(a.match, m+1), resize(a.way, m+1), resize(a.done, m+1)
	clear(a.u)
	clear(a.v)
	clear(a.match)
	at := func(i, j int) float64 {
		if j > cols {
			return limit
		}
		if c := cost[(i-1)*cols+j-1]; c < far {
			return c
		}
		return far
	}
	for i := 1; i <= n; i++ {
		a.match[0] = i
		j0 := 0
		for j := range a.low {
			a.low[j], a.done[j] = math.Inf(1), false
		}
		for a.match[j0] != 0 {
			a.done[j0] = true
			i0, j1, delta := a.match[j0], 0, math.Inf(1)
			for j := 1; j <= m; j++ {
				if a.done[j] {
					continue
				}
				if c := at(i0, j) - a.u[i0] - a.v[j]; c < a.low[j] {
					a.low[j], a.way[j] = c, j0
				}
				if a.low[j] < delta {
					delta, j1 = a.low[j], j
				}
			}
			for j := 0; j <= m; j++ {
				if a.done[j] {
					a.u[a.match[j]] += delta
					a.v[j] -= delta
				} else {
					a.low[j] -= delta
				}
			}
			j0 = j1
		}
		for j0 != 0 {
			j1 := a.way[j0]
			a.match[j0] = a.match[j1]
			j0 = j1
		}
	}
	for j := 1; j <= cols; j++ {
		if i := a.match[j]; i != 0 && cost[(i-1)*cols+j-1] < limit {
			row[i-1] = j - 1
		}
	}
}

// resize returns s with length n, reusing its memory; the content is unspecified.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/2)
	}
	return s[:n]
}
