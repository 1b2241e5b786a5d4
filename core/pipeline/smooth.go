package pipeline

import (
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

// steadyOutline is the width of the outline's smoothing, a standard deviation in frames. In its own coordinates a face's
// outline hardly moves, and its noise would ask for larger masks than the face.
const steadyOutline = 4.0

// steady averages the outlines of each run of measured poses over time with Gaussian weights, cut off at the run's ends.
func steady(poses []pose) {
	src := make([]pose, len(poses))
	copy(src, poses)
	reach := int(math.Ceil(2.5 * steadyOutline))
	for i := range poses {
		if !src[i].ok {
			continue
		}
		sum := append([]frame.Point(nil), src[i].outline...)
		n := 1.
		for _, dir := range [2]int{-1, 1} {
			for d := 1; d <= reach; d++ {
				j := i + dir*d
				if j < 0 || j >= len(src) || !src[j].ok || len(src[j].outline) != len(sum) {
					break
				}
				w := math.Exp(-float64(d*d) / (2 * steadyOutline * steadyOutline))
				n += w
				for k, p := range src[j].outline {
					sum[k].X += w * p.X
					sum[k].Y += w * p.Y
				}
			}
		}
		for k := range sum {
			sum[k].X /= n
			sum[k].Y /= n
		}
		poses[i].outline = sum
	}
}
