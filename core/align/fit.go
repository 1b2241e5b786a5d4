package align

// Fit plans a whole-picture resize into a network input whose sides are multiples of 32: the picture keeps its aspect
// ratio at the top left, padding lies at the right and bottom.
// It returns the input's size, and the map from input px to picture px, for a longest picture side of side input px.
// enlarge bounds the magnification of small pictures: 1 never enlarges.
func Fit(picW, picH, side int, enlarge float64) (w, h int, m Matrix) {
	s := min(float64(side)/float64(max(picW, picH)), enlarge)
	round := func(n int) (px, padded int) {
		px = max(1, int(float64(n)*s+.5))
		return px, (px + 31) / 32 * 32
	}
	pw, w := round(picW)
	ph, h := round(picH)
	return w, h, Matrix{float64(picW) / float64(pw), 0, 0, 0, float64(picH) / float64(ph), 0}
}
