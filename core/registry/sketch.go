package registry

import (
	"math"
	"slices"
)

// sketches are the rows of a gallery in seven bits a value. A product of two sketches is near that of the embeddings, by a bound that is
// known for each row: a search reads the sketches, of half the size, and only the rows that the bound cannot exclude in full. What
// it finds is what a search through all rows in full finds.
//
// Four values share a word, sixteen bits each, and the query's word holds its four in reverse: the upper sixteen bits of the product of two
// words are the four products' sum, 4·127² at most, and nothing carries into them from below.
type sketches struct {
	words int // of a row
	lanes []uint64
	rows  []sketch
}

// sketch describes one row: embedding = step·(lane − sketchZero) + a remainder of length rest.
type sketch struct {
	step   float32
	rest   float32
	length float32 // of the embedding, and of the sketch at most, rounded up
	sum    uint32  // of the lanes
}

const (
	sketchZero   = 64 // what stands for 0
	sketchReach  = 63 // steps to either side
	lanesPerWord = 4
	laneBits     = 16
)

func newSketches(dim int) sketches {
	return sketches{words: (dim + lanesPerWord - 1) / lanesPerWord}
}

// draw is the sketch of e, its lanes appended to dst. reversed is that of a query.
func (k *sketches) draw(dst []uint64, e []float32, reversed bool) ([]uint64, sketch) {
	var largest, square float64
	for _, v := range e {
		largest, square = max(largest, math.Abs(float64(v))), square+float64(v)*float64(v)
	}
	step := float32(largest / sketchReach)
	s := sketch{step: step}
	var rest float64
	for w := range k.words {
		var word uint64
		for l := range lanesPerWord {
			lane, at := uint64(sketchZero), w*lanesPerWord+l
			if at < len(e) {
				x := float64(e[at])
				if step > 0 {
					lane = uint64(min(max(math.Round(x/float64(step)), -sketchReach), sketchReach) + sketchZero)
				}
				d := x - float64(step)*(float64(lane)-sketchZero)
				rest += d * d
			}
			s.sum += uint32(lane)
			if reversed {
				word |= lane << (laneBits * (lanesPerWord - 1 - l))
			} else {
				word |= lane << (laneBits * l)
			}
		}
		dst = append(dst, word)
	}
	// Rounded up by more than float32 can lose.
	const up = 1 + 1e-6
	s.rest = float32(math.Sqrt(rest) * up)
	s.length = float32(math.Sqrt(square)*up) + s.rest
	return dst, s
}

func (k *sketches) clone() sketches {
	return sketches{words: k.words, lanes: slices.Clone(k.lanes), rows: slices.Clone(k.rows)}
}

func (k *sketches) add(e []float32) {
	var s sketch
	k.lanes, s = k.draw(k.lanes, e, false)
	k.rows = append(k.rows, s)
}

func (k *sketches) replace(row int, e []float32) {
	_, k.rows[row] = k.draw(k.lanes[:row*k.words], e, false)
}

// query is a sketched query.
type query struct {
	lanes []uint64
	sketch
}

func (k *sketches) query(e []float32) (q query) {
	q.lanes, q.sketch = k.draw(make([]uint64, 0, k.words), e, true)
	return q
}

// between are bounds of the product of row i's embedding and the query's.
func (k *sketches) between(i int, q *query) (low, high float64) {
	s := &k.rows[i]
	a, b := k.lanes[i*k.words:(i+1)*k.words], q.lanes
	b = b[:len(a)]
	var s0, s1 uint64
	j := 0
	for ; j+4 <= len(a); j += 4 {
		s0 += a[j] * b[j] >> 48
		s1 += a[j+1] * b[j+1] >> 48
		s0 += a[j+2] * b[j+2] >> 48
		s1 += a[j+3] * b[j+3] >> 48
	}
	for ; j < len(a); j++ {
		s0 += a[j] * b[j] >> 48
	}
	n := int64(s0+s1) - sketchZero*(int64(s.sum)+int64(q.sum)) + sketchZero*sketchZero*lanesPerWord*int64(len(a))
	at := float64(n) * float64(s.step) * float64(q.step)
	// embedding·query − sketch·sketch = remainder·query + sketch·remainder: Cauchy and Schwarz.
	slack := float64(s.rest)*float64(q.length) + float64(s.length)*float64(q.rest) + 1e-9
	return at - slack, at + slack
}
