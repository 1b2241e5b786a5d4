package tracker

import "math"

// A dissolve shows mixtures of its first and its last picture: each one between is A + α(B−A), α rising. A pan, a zoom or
// somebody walking by is not: half way, a thing that moves stands in one place, not faintly in two.
const (
	dissolveRing  = 49   // pictures kept
	dissolveLeast = 10.0 // levels, root mean square, that the ends must differ by
	dissolveRest  = 0.3  // of that difference: what no mixture of the ends may leave unexplained
	dissolveScore = 0.4  // unlikeness of the ends, as CutDetector scores it
	dissolveStep  = 0.35 // of the mean step: what the newest picture may differ from the one before, when it is over
)

// dissolveSpans are the lengths that are tried, in pictures. One that lasts longer shows itself in its last part.
//
// Measured on 29 clips (2026-11): none is found where there is none. Between shots of one studio, dissolves are not found: the
// ends differ by less (score 0.3) than people who sign differ within one; nor is one into a camera's pan, which does not come to
// rest. There the tracker has to tell faces by their looks.
var dissolveSpans = [...]int{48, 36, 24, 16, 12, 8, 6}

// dissolveSteps are the places that are looked at, with the bounds of α there: even mixing, or slow at either end.
var dissolveSteps = [3]struct{ at, lo, hi float64 }{{.25, .08, .42}, {.5, .32, .68}, {.75, .58, .92}}

// dissolve is how many pictures ago the dissolve began that ends with the newest, 0 for none.
func (d *CutDetector) dissolve() int {
	now := d.view(0)
	for _, n := range dissolveSpans {
		if n >= d.n-d.since {
			continue
		}
		if then := d.view(n); d.mixes(then, now, n) && then.score(now) >= dissolveScore {
			return n
		}
	}
	return 0
}

// view is the picture of so many pictures ago.
func (d *CutDetector) view(ago int) *view { return &d.views[(d.n-1-ago)%dissolveRing] }

// mixes says that the pictures between a and b, n apart, are mixtures of the two.
func (d *CutDetector) mixes(a, b *view, n int) bool {
	var size float64
	for i, v := range a.grid {
		x := float64(b.grid[i] - v)
		size += x * x
	}
	if size < dissolveLeast*dissolveLeast*gridW*gridH {
		return false
	}
	last, step := d.view(1), 0.
	for i, v := range a.grid {
		step += float64(b.grid[i]-last.grid[i]) * float64(b.grid[i]-v)
	}
	if step > dissolveStep*size/float64(n) {
		return false // it goes on
	}
	for _, s := range dissolveSteps {
		mid := d.view(n - int(math.Round(s.at*float64(n))))
		var along, all float64
		for i, v := range a.grid {
			x, y := float64(mid.grid[i]-v), float64(b.grid[i]-v)
			along, all = along+x*y, all+x*x
		}
		alpha := along / size
		if rest := (all - along*alpha) / size; alpha < s.lo || alpha > s.hi || rest > dissolveRest*dissolveRest {
			return false
		}
	}
	return true
}
