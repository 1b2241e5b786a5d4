package compositor

import (
	"math"
	"math/rand/v2"
)

// noise is the distribution of how luma departs from the mean of its left and right neighbours.
type noise struct {
	count [128]int
	n     int
}

const noiseClass = 1. / 1024 // of the luma range

func (h *noise) add(departure float64) {
	h.count[clampInt(math.Abs(departure)/noiseClass, 0, len(h.count)-1)]++
	h.n++
}

// sigma is the standard deviation of white noise by the lowest quarter of the departures: texture fills the upper part of them, and
// where a codec has smoothed the noise away they are 0.
func (h *noise) sigma() float64 {
	const (
		rank     = 0.25
		quantile = 0.3186 // of |N(0, 1)| at rank
		response = 1.2247 // √1.5: the deviation of a departure, of the noise's
	)
	if h.n == 0 || h.count[0] > int(rank*float64(h.n)) {
		return 0
	}
	left := rank * float64(h.n)
	for i, c := range h.count {
		if left -= float64(c); left < 0 {
			at := float64(i+1) + left/float64(c)
			return at * noiseClass / quantile / response
		}
	}
	return 0
}

// grain is deterministic noise to lay on a surrogate: a fixed tile of white noise that each picture shifts.
type grain struct {
	amount float64 // standard deviation, of the luma range
	x, y   [3]int  // shift of the tile, for each component
}

const grainSide = 128

// tile is white Gaussian noise of deviation 1.
var tile = func() (t [grainSide * grainSide]float32) {
	r := rand.New(rand.NewPCG(0x6b73616d, 0x67726169))
	for i := range t {
		t[i] = float32(r.NormFloat64())
	}
	return t
}()

// chromaGrain is the share of the luma's grain that chroma gets: cameras and codecs filter it harder.
const chromaGrain = 0.4

func newGrain(amount float64, seed uint64) grain {
	g := grain{amount: amount}
	if amount == 0 {
		return g
	}
	r := rand.NewPCG(seed, 0x7368696674)
	for i := range g.x {
		v := r.Uint64()
		g.x[i], g.y[i] = int(v%grainSide), int(v>>32%grainSide)
	}
	return g
}

// add lays the grain on samples from.. of row y of component i, whose range is span codes.
func (g *grain) add(value []float32, span float32, i, from, y int) {
	k := float32(g.amount) * span
	if i > 0 {
		k *= chromaGrain
	}
	row := tile[(y+g.y[i])%grainSide*grainSide:][:grainSide]
	for at := (from + g.x[i]) % grainSide; len(value) > 0; at = 0 {
		n := min(len(value), grainSide-at)
		for j, v := range row[at : at+n] {
			value[j] += k * v
		}
		value = value[n:]
	}
}
