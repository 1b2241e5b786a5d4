package tracker

// Blocks of the structure measure, in cells.
const (
	blockW, blockH = 8, 6
	searchX        = 4   // a cell is 30 pixels at 1080p, so a pan of 120 pixels a frame is followed
	searchY        = 3   // 90 pixels
	quiet          = 1.5 // mean difference per cell, in levels, that needs no search: noise
	floor          = 1.0 // levels per cell: texture below this is noise
)

const (
	placesX, placesY = gridW - blockW + 1, gridH - blockH + 1 // where a block can lie
	blockCells       = blockW * blockH
)

// means holds the mean of the block at every place of a grid.
type means [placesX * placesY]float32

// fill sums rows, then columns: each cell is added twice.
func (m *means) fill(g *grid) {
	var rows [placesX * gridH]float32
	for y := range gridH {
		row := g[y*gridW:][:gridW]
		var sum float32
		for x, c := range row {
			sum += c
			if x >= blockW {
				sum -= row[x-blockW]
			}
			if x >= blockW-1 {
				rows[y*placesX+x-blockW+1] = sum
			}
		}
	}
	for x := range placesX {
		var sum float32
		for y := range gridH {
			sum += rows[y*placesX+x]
			if y >= blockH {
				sum -= rows[(y-blockH)*placesX+x]
			}
			if y >= blockH-1 {
				m[(y-blockH+1)*placesX+x] = sum / blockCells
			}
		}
	}
}

// structure measures how much of picture b cannot be found in a, 0 (all of it can, somewhere near) to about 1 (nothing):
// for each block the smallest sum of absolute differences over nearby shifts, means removed, against the texture there.
// Brightness (a flash, an exposure step) drops out with the means; camera and subject motion with the search.
func structure(a, b *grid, am, bm *means) float64 {
	var left, all float32
	for y := 0; y < gridH; y += blockH {
		for x := 0; x < gridW; x += blockW {
			at := y*placesX + x
			mean := bm[at]
			t := max(texture(a, x, y, am[at]), texture(b, x, y, mean))
			best := difference(a, b, x, y, x, y, mean-am[at], t)
			if best > quiet*blockCells {
				for v := max(0, y-searchY); v <= min(placesY-1, y+searchY); v++ {
					for u := max(0, x-searchX); u <= min(placesX-1, x+searchX); u++ {
						best = difference(a, b, u, v, x, y, mean-am[v*placesX+u], best)
					}
				}
			}
			left += best
			all += t
		}
	}
	return float64(left / (all + floor*gridW*gridH))
}

// texture is the sum of absolute differences of a block from its mean.
func texture(g *grid, x, y int, mean float32) float32 {
	var sum float32
	for v := y; v < y+blockH; v++ {
		for _, c := range g[v*gridW+x:][:blockW] {
			sum += abs(c - mean)
		}
	}
	return sum
}

// difference is the sum of absolute differences of the block of a at u, v and that of b at x, y, which is brighter by d;
// most when it is not below that.
func difference(a, b *grid, u, v, x, y int, d, most float32) float32 {
	var sum float32
	for r := range blockH {
		p, q := a[(v+r)*gridW+u:][:blockW], b[(y+r)*gridW+x:][:blockW]
		for i, c := range q {
			sum += abs(c - p[i] - d)
		}
		if sum >= most {
			return most
		}
	}
	return sum
}

func abs(x float32) float32 {
	if x < 0 {
		return -x
	}
	return x
}

const (
	binLevels = 8
	bins      = 512/binLevels + 1 // twice the range, since means are moved to the middle
)

// histogram counts cells by level, each cell shared between the two nearest bins: a flat sky that drifts by a level must
// not hop from one bin to the next.
type histogram [bins]float32

func (h *histogram) fill(g *grid, lift float32) {
	*h = histogram{}
	for _, c := range g {
		at := (c + lift) / binLevels
		i := max(0, min(int(at), bins-2))
		f := at - float32(i)
		h[i] += 1 - f
		h[i+1] += f
	}
}

// distance is the share of cells that lie in other bins, 0..1.
func (h *histogram) distance(o *histogram) float64 {
	var d float32
	for i := range h {
		d += abs(h[i] - o[i])
	}
	return float64(d) / (2 * gridW * gridH)
}

// shape is how the levels of a picture are spread.
type shape struct{ raw, centred histogram }

func (s *shape) fill(g *grid) {
	var mean float32
	for _, c := range g {
		mean += c
	}
	s.raw.fill(g, 0)
	s.centred.fill(g, 256-mean/(gridW*gridH))
}

// distance is the smaller of the distances as they are and around the means: the first is blind to a dark object that comes
// or goes before an even ground, the second to a change of exposure.
func (s *shape) distance(o *shape) float64 {
	return min(s.raw.distance(&o.raw), s.centred.distance(&o.centred))
}
