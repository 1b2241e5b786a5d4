package tracker

import (
	"fmt"
	"slices"

	"github.com/ksamenet/ksamenet/core/frame"
)

// Constants of the cut decision, from 29 clips (3,600 frames: talking and signing people, camera pan of 20 pixels a frame and
// roll of 180°, 11 hard cuts, nine of them between shots of one studio), measured 2026-11. Score of the weakest cut 0.43,
// of the strongest frame without one 0.38 (roll), 0.34 (pan), below 0.3 in all others. The threshold follows the
// motion of the last frames.
const (
	cutBase   = 0.36
	cutMotion = 0.5 // of the median of the last scores
	calm      = 0.1 // a score assumed while too few are known
	cutWindow = 12  // frames
	flashBack = 0.6 // of the threshold: a picture this close to the last but one follows it, and what was between was a flash
)

// CutDetector finds hard cuts. It compares small luma grids: how much of a picture's structure is not to be found near its
// place in the last one, and how differently the levels are spread. Both ignore brightness as such, and the search follows
// the camera, so exposure steps, flashes, pans and shakes are not cuts. Dissolves, and fades to and from black, are reported
// when they end; wipes are not.
//
// A cut too many splits tracklets. After a cut that is missed, association refuses jumps between faces that lie apart or differ
// in size, but a face that lies where the last one lay is taken for it, unless Config.Similarity denies it.
// Not safe for concurrent use.
type CutDetector struct {
	views  [dissolveRing]view
	n      int // pictures since Reset
	since  int // pictures before the newest shot
	recent [cutWindow]float64
	k      int
}

// view is what is kept of a picture.
type view struct {
	grid  grid
	means means
	shape shape
}

func (a *view) score(b *view) float64 {
	return structure(&a.grid, &b.grid, &a.means, &b.means) + a.shape.distance(&b.shape)
}

// Cut is the verdict on one picture.
type Cut struct {
	Cut       bool    // a new shot begins with this picture
	Score     float64 // unlikeness to the picture before, 0 to about 2
	Threshold float64 // the score from which it would have been a cut
	// Flash says that this picture goes on where the last but one left off: the one between was a flash, and if a cut was
	// reported with it, there was none. A host that can wait one picture may take that cut back.
	Flash bool
	// Dissolve is how many pictures ago the dissolve began that this picture ends, or a part of it; 0 for none. The new shot
	// begins half way (Linker.Split). Never together with Cut.
	Dissolve int
}

// Next judges the next picture; the first one after Reset is no cut. It reads 147,456 samples of the luma component
// (of each component for R'G'B') whatever the size, keeps nothing of p, and allocates nothing.
// It fails when p does not hold what its layout promises.
func (d *CutDetector) Next(p *frame.Picture) (Cut, error) {
	if err := p.Validate(); err != nil {
		return Cut{}, fmt.Errorf("tracker: shot cuts: %w", err)
	}
	now := &d.views[d.n%dissolveRing]
	now.grid.fill(p)
	now.means.fill(&now.grid)
	now.shape.fill(&now.grid)
	d.n++
	if d.n == 1 {
		for i := range d.recent {
			d.recent[i] = calm
		}
		return Cut{Threshold: cutBase + cutMotion*calm}, nil
	}
	sorted := d.recent
	slices.Sort(sorted[:])
	c := Cut{
		Score:     d.view(1).score(now),
		Threshold: cutBase + cutMotion*sorted[cutWindow/2],
	}
	if c.Score < c.Threshold {
		d.recent[d.k%cutWindow] = c.Score
		d.k++
		if c.Dissolve = d.dissolve(); c.Dissolve > 0 {
			d.since = d.n - 1
		}
		return c, nil
	}
	if d.n > 2 && d.view(2).score(now) < flashBack*c.Threshold {
		c.Flash = true
		return c, nil
	}
	c.Cut, d.since = true, d.n-1
	return c, nil
}

// Reset forgets all pictures, as after a seek.
func (d *CutDetector) Reset() { d.n, d.k, d.since = 0, 0, 0 }
