package landmark

import "math"

// rotationOf is the rotation R that maximises the sum of q·R·p over point pairs, given s[a][b] = sum of p[a]·q[b].
// It is the quaternion of the greatest eigenvalue of Horn's symmetric matrix; see Head.Fit for the source.
func rotationOf(s [3][3]float64) [3][3]float64 {
	n := [4][4]float64{
		{s[0][0] + s[1][1] + s[2][2], s[1][2] - s[2][1], s[2][0] - s[0][2], s[0][1] - s[1][0]},
		{0, s[0][0] - s[1][1] - s[2][2], s[0][1] + s[1][0], s[2][0] + s[0][2]},
		{0, 0, -s[0][0] + s[1][1] - s[2][2], s[1][2] + s[2][1]},
		{0, 0, 0, -s[0][0] - s[1][1] + s[2][2]},
	}
	for i := range 4 {
		for j := range i {
			n[i][j] = n[j][i]
		}
	}
	q := leading(n)
	w, x, y, z := q[0], q[1], q[2], q[3]
	return [3][3]float64{
		{w*w + x*x - y*y - z*z, 2 * (x*y - w*z), 2 * (x*z + w*y)},
		{2 * (x*y + w*z), w*w - x*x + y*y - z*z, 2 * (y*z - w*x)},
		{2 * (x*z - w*y), 2 * (y*z + w*x), w*w - x*x - y*y + z*z},
	}
}

// leading is the unit eigenvector of the greatest eigenvalue of a symmetric matrix, by cyclic Jacobi rotations
// (Golub and Van Loan, Matrix Computations, 4th ed., section 8.5).
func leading(a [4][4]float64) [4]float64 {
	v := [4][4]float64{{1}, {0, 1}, {0, 0, 1}, {0, 0, 0, 1}}
	for range 12 { // convergence is quadratic: six sweeps reach the last bit, more do nothing
		for p := range 3 {
			for q := p + 1; q < 4; q++ {
				if a[p][q] == 0 {
					continue
				}
				theta := (a[q][q] - a[p][p]) / (2 * a[p][q])
				t := 1 / (math.Abs(theta) + math.Hypot(theta, 1))
				if theta < 0 {
					t = -t
				}
				c := 1 / math.Hypot(t, 1)
				s := t * c
				for k := range 4 {
					a[k][p], a[k][q] = c*a[k][p]-s*a[k][q], s*a[k][p]+c*a[k][q]
				}
				for k := range 4 {
					a[p][k], a[q][k] = c*a[p][k]-s*a[q][k], s*a[p][k]+c*a[q][k]
					v[k][p], v[k][q] = c*v[k][p]-s*v[k][q], s*v[k][p]+c*v[k][q]
				}
			}
		}
	}
	best := 0
	for i := 1; i < 4; i++ {
		if a[i][i] > a[best][best] {
			best = i
		}
	}
	return [4]float64{v[0][best], v[1][best], v[2][best], v[3][best]}
}
