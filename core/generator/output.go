package generator

import (
	"fmt"

	"github.com/ksamenet/ksamenet/core/frame"
)

// What a face's alpha must look like: a patch without a face would show the fill alone, one without an edge is no face.
const (
	minOpaque = 0.05 // of the patch
	maxOpaque = 0.97
	tolerance = 0.02 // by which a value may leave 0..1
)

// toPatch turns one row of the network's planar output, 4·size² values, into a patch, and refuses what cannot be a face.
func toPatch(v []float32, size int) (*frame.Patch, error) {
	n := size * size
	p := &frame.Patch{Size: size, RGBA: make([]byte, 4*n)}
	for c := range 4 {
		plane := v[c*n : (c+1)*n]
		out := p.RGBA[c:]
		for i, x := range plane {
			// The comparison fails for NaN too.
			if !(x >= -tolerance && x <= 1+tolerance) {
				return nil, fmt.Errorf("%w: value %v in channel %d", ErrOutput, x, c)
			}
			out[4*i] = uint8(min(1, max(0, x))*255 + .5)
		}
	}
	opaque := 0
	for i := 3; i < len(p.RGBA); i += 4 {
		if p.RGBA[i] >= 128 {
			opaque++
		}
	}
	if s := float64(opaque) / float64(n); !(s >= minOpaque && s <= maxOpaque) {
		return nil, fmt.Errorf("%w: the face fills %.3f of the patch", ErrOutput, s)
	}
	return p, nil
}
