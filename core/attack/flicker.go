package attack

import (
	"fmt"
	"math"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/frame"
)

// flicker sums the warp error of a track. The motion from a picture to the next is measured on the original by block
// matching, in the box of the earlier picture resampled to side×side samples; both sides are then held against it: what
// does not move as the original does, or changes its brightness, is error. The original's own error (noise, what block
// motion cannot say) is subtracted from the output's, so that flicker is what the surrogate adds.
// Source of the measure: Lai et al., "Learning Blind Video Temporal Consistency", ECCV 2018, section 4.2 (warping error),
// with block motion in place of a network's, and the face's ellipse in place of its occlusion mask.
type flicker struct {
	warp   align.Warper
	last   [sides][]float32 // luma 0..255 of the last picture
	region align.Matrix     // patch px to picture px of the last picture
	index  int64            // of the last picture
	sum    [sides]float64   // of mean absolute errors, grey levels
	n      int
	rgb    []float32
}

const (
	flickSide  = 96
	flickBlock = 8
	flickReach = 6 // samples: motion of a sixteenth of the box between two pictures
)

// add compares a picture with the one before. A box without extent, or after a gap, begins anew.
func (f *flicker) add(original, output *frame.Picture, box frame.Rect) error {
	pics := [sides]*frame.Picture{original, output}
	if f.last[Original] != nil && original.Index == f.index+1 {
		var now [sides][]float32
		for side, pic := range pics {
			var err error
			if now[side], err = f.luma(pic, f.region); err != nil {
				return err
			}
		}
		motion := blockMotion(f.last[Original], now[Original])
		for side := range pics {
			f.sum[side] += warpError(f.last[side], now[side], &motion)
		}
		f.n++
	}
	if box.Empty() {
		f.last = [sides][]float32{}
		return nil
	}
	f.region = align.Matrix{box.W() / flickSide, 0, box.X0, 0, box.H() / flickSide, box.Y0}
	for side, pic := range pics {
		var err error
		if f.last[side], err = f.luma(pic, f.region); err != nil {
			return err
		}
	}
	f.index = original.Index
	return nil
}

func (f *flicker) luma(pic *frame.Picture, region align.Matrix) ([]float32, error) {
	const n = flickSide * flickSide
	if f.rgb == nil {
		f.rgb = make([]float32, 3*n)
	}
	if err := f.warp.Warp(pic, region, align.Input{Data: f.rgb, W: flickSide, H: flickSide}); err != nil {
		return nil, fmt.Errorf("attack: %w", err)
	}
	y := make([]float32, n)
	for i := range y {
		y[i] = .2126*f.rgb[i] + .7152*f.rgb[n+i] + .0722*f.rgb[2*n+i]
	}
	return y, nil
}

const flickBlocks = flickSide / flickBlock

// vector is where a block of the earlier picture lies in the later one.
type vector struct{ x, y int }

// blockMotion finds, for each block of a, the shift within flickReach with the least absolute difference in b; of equal
// ones the shortest.
func blockMotion(a, b []float32) (m [flickBlocks * flickBlocks]vector) {
	for by := range flickBlocks {
		for bx := range flickBlocks {
			best := float32(math.Inf(1))
			for dy := -flickReach; dy <= flickReach; dy++ {
				for dx := -flickReach; dx <= flickReach; dx++ {
					x, y := bx*flickBlock+dx, by*flickBlock+dy
					if x < 0 || y < 0 || x+flickBlock > flickSide || y+flickBlock > flickSide {
						continue
					}
					// A quarter of a grey level a sample of length: flat blocks do not wander with the noise.
					cost := .25 * flickBlock * flickBlock * float32(math.Hypot(float64(dx), float64(dy))) / flickReach
					for j := 0; j < flickBlock && cost < best; j++ {
						p, q := a[(by*flickBlock+j)*flickSide+bx*flickBlock:], b[(y+j)*flickSide+x:]
						for i := range flickBlock {
							d := p[i] - q[i]
							cost += max(d, -d)
						}
					}
					if cost < best {
						best, m[by*flickBlocks+bx] = cost, vector{dx, dy}
					}
				}
			}
		}
	}
	return m
}

// warpError is the mean absolute difference, in grey levels, between a and b along the motion, inside the ellipse of the
// region.
func warpError(a, b []float32, m *[flickBlocks * flickBlocks]vector) float64 {
	var sum float64
	n := 0
	for y := range flickSide {
		for x := range flickSide {
			u, v := (float64(x)+.5)/flickSide*2-1, (float64(y)+.5)/flickSide*2-1
			if u*u+v*v > 1 {
				continue
			}
			d := m[y/flickBlock*flickBlocks+x/flickBlock]
			sum += math.Abs(float64(a[y*flickSide+x] - b[(y+d.y)*flickSide+x+d.x]))
			n++
		}
	}
	return sum / float64(n)
}
