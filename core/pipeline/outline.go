package pipeline

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/compositor"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/landmark"
)

// meanHead is the head of the generator that is built in; a fault can only be a broken build.
var meanHead = sync.OnceValue(func() *landmark.Head {
	h, err := readHead()
	if err != nil {
		panic(fmt.Sprintf("pipeline: head.json: %v", err))
	}
	return h
})

// drawn is a face's mask: the standard outline of its placement and look, in the size that holds what was measured. Nothing of the
// measured outline's own shape is in it, or the mask would tell whom it hides (docs/attack.md).
type drawn struct {
	place align.Placement
	look  appearance.Appearance
	size  float64
	own   []frame.Point // the measured outline, picture px: set where no standard outline holds it
}

const (
	// leastSize is what every mask has at least: about half of all people need no step, and who does told two people apart 60 times
	// of 100 where their poses did not (docs/attack.md).
	leastSize = 1
	// maxSize bounds the steps: nothing that is a face exceeds the standard outline three times.
	maxSize = 40
)

// drawnFor is what is drawn for a measured outline in picture px: of the sizes whose mask holds all of it, the least.
func drawnFor(place align.Placement, look appearance.Appearance, measured []frame.Point) drawn {
	d := drawn{place: place, look: look, size: leastSize}
	for ; d.size <= maxSize; d.size++ {
		if holds, err := compositor.Holds(d.points(), measured); err != nil {
			break
		} else if holds {
			return d
		}
	}
	d.size, d.own = 0, measured
	return d
}

// points are the outline as a decision list rounds it.
func (d *drawn) points() []frame.Point {
	out := append(meanHead().Outline(d.place, d.look, d.size), d.own...)
	for i, q := range out {
		out[i] = frame.Point{X: round1(q.X), Y: round1(q.Y)}
	}
	return out
}

// oval is the outline as a decision list has it.
func (d *drawn) oval() [][2]float64 {
	points := d.points()
	out := make([][2]float64, len(points))
	for i, q := range points {
		out[i] = [2]float64{q.X, q.Y}
	}
	return out
}

const (
	// usualSize is the share of a track's faces that its usual size holds.
	usualSize = .95
	// holdSize is how many frames before and after a face that needs more the mask is larger, and how long it takes to get there.
	holdSize = 8
	// shrink is how fast the mask of a live face becomes smaller, steps a picture: a step in some ten seconds.
	shrink = 1. / 250
)

// settleSizes makes the sizes of a track calm: one for nearly all of it, and more, slowly, around faces that need more. No size gets
// smaller than it has to be. nil are frames without an outline.
func settleSizes(track []*drawn) {
	var all []float64
	for _, d := range track {
		if d != nil {
			all = append(all, d.size)
		}
	}
	if len(all) == 0 {
		return
	}
	slices.Sort(all)
	usual := all[int(math.Ceil(usualSize*float64(len(all))))-1]
	need := make([]float64, len(track))
	for i, d := range track {
		if need[i] = usual; d != nil {
			need[i] = max(usual, d.size)
		}
	}
	// The mean over a window of the greatest in a window: it never falls below the frame's own need.
	around := func(i int) []float64 { return need[max(0, i-holdSize):min(len(need), i+holdSize+1)] }
	held := make([]float64, len(need))
	for i := range need {
		held[i] = slices.Max(around(i))
	}
	need = held
	for i, d := range track {
		if d == nil {
			continue
		}
		var sum float64
		near := around(i)
		for _, v := range near {
			sum += v
		}
		d.size = sum / float64(len(near))
	}
}
