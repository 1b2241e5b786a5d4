package pipeline

import (
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

// Widths of the smoothing in time, as standard deviations in frames at 25 to 30 frames a second. Both directions are
// known in pass 1, so nothing lags. Speech moves the mouth within two frames, so expression is smoothed least; a face's
// outline in its own coordinates hardly moves at all.
const (
	smoothLook    = 0.7
	smoothPlace   = 1.5
	smoothOutline = 4.0
)

// smooth averages each run of measured poses over time with Gaussian weights, cut off at the run's ends.
func smooth(poses []pose) {
	src := make([]pose, len(poses))
	copy(src, poses)
	for i := range poses {
		if !src[i].ok {
			continue
		}
		out := &poses[i]
		out.raw, out.place = src[i].raw, src[i].place
		for u := range out.raw.Expression {
			out.raw.Expression[u] = around(src, i, smoothLook, func(p *pose) float64 { return p.raw.Expression[u] })
		}
		out.raw.GazeYaw = around(src, i, smoothLook, func(p *pose) float64 { return p.raw.GazeYaw })
		out.raw.GazePitch = around(src, i, smoothLook, func(p *pose) float64 { return p.raw.GazePitch })
		out.raw.Yaw = around(src, i, smoothPlace, func(p *pose) float64 { return p.raw.Yaw })
		out.raw.Pitch = around(src, i, smoothPlace, func(p *pose) float64 { return p.raw.Pitch })
		out.place.X = around(src, i, smoothPlace, func(p *pose) float64 { return p.place.X })
		out.place.Y = around(src, i, smoothPlace, func(p *pose) float64 { return p.place.Y })
		out.place.Scale = around(src, i, smoothPlace, func(p *pose) float64 { return p.place.Scale })
		turn := around(src, i, smoothPlace, func(p *pose) float64 { return math.Remainder(p.place.Roll-src[i].place.Roll, 2*math.Pi) })
		out.place.Roll = src[i].place.Roll + turn
		out.outline = make([]frame.Point, len(src[i].outline))
		for j := range out.outline {
			out.outline[j] = frame.Point{
				X: around(src, i, smoothOutline, func(p *pose) float64 { return p.outline[j].X }),
				Y: around(src, i, smoothOutline, func(p *pose) float64 { return p.outline[j].Y }),
			}
		}
	}
}

// around is the weighted mean of value over the measured poses next to i, without a hole between.
func around(poses []pose, i int, sigma float64, value func(*pose) float64) float64 {
	reach := int(math.Ceil(2.5 * sigma))
	sum, n := value(&poses[i]), 1.
	for _, dir := range [2]int{-1, 1} {
		for d := 1; d <= reach; d++ {
			j := i + dir*d
			if j < 0 || j >= len(poses) || !poses[j].ok || len(poses[j].outline) != len(poses[i].outline) {
				break
			}
			w := math.Exp(-float64(d*d) / (2 * sigma * sigma))
			sum, n = sum+w*value(&poses[j]), n+w
		}
	}
	return sum / n
}
