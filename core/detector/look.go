package detector

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/frame"
)

// plan is the network input's size for a picture of w×h px, and the map from input px to picture px.
func (l Look) plan(w, h int) (inW, inH int, m align.Matrix) {
	fw, fh := float64(w), float64(h)
	back := [4]align.Matrix{align.Identity, {0, 1, 0, -1, 0, fh}, {-1, 0, fw, 0, -1, fh}, {0, -1, fw, 1, 0, 0}}[l.Turn]
	if l.Turn%2 == 1 {
		w, h = h, w
	}
	inW, inH, m = align.Fit(w, h, l.Side, l.Enlarge)
	if l.Mirror > 0 {
		i := l.inset(w, h)
		inW, inH = (i.w+2*i.x+1)/2*2, (i.h+2*i.y+1)/2*2 // an odd rest lies at the right and at the bottom
		m[2] -= m[0] * float64(i.x)
		m[5] -= m[4] * float64(i.y)
	}
	return inW, inH, back.Mul(m)
}

// inner is where a picture of w×h px lies in the look's input when that is mirrored around it.
func (l Look) inner(w, h int) inset {
	if l.Mirror == 0 {
		return inset{}
	}
	if l.Turn%2 == 1 {
		w, h = h, w
	}
	return l.inset(w, h)
}

// inset is a picture's place in a network input: w×h px from x, y, with as much around it, but for an odd rest.
type inset struct{ x, y, w, h int }

func (l Look) inset(w, h int) inset {
	_, _, m := align.Fit(w, h, l.Side, l.Enlarge)
	i := inset{w: int(float64(w)/m[0] + .5), h: int(float64(h)/m[4] + .5)}
	margin := int(l.Mirror * float64(max(i.w, i.h)))
	around := func(n int) int { return ((n+2*margin+31)/32*32 - n) / 2 }
	i.x, i.y = around(i.w), around(i.h)
	return i
}

// mirror fills what lies around the picture in a planar w×h input with its mirror image.
func (i inset) mirror(data []float32, w, h int) {
	if i.w == 0 {
		return
	}
	for c := range 3 {
		p := data[c*w*h : (c+1)*w*h]
		for y := i.y; y < i.y+i.h; y++ {
			row := p[y*w : (y+1)*w]
			for x := range i.x {
				row[x] = row[i.x+reflect(i.x-1-x, i.w)]
			}
			for x := i.x + i.w; x < w; x++ {
				row[x] = row[i.x+reflect(2*i.w-1-(x-i.x), i.w)]
			}
		}
		for y := range i.y {
			copy(p[y*w:(y+1)*w], p[(i.y+reflect(i.y-1-y, i.h))*w:])
		}
		for y := i.y + i.h; y < h; y++ {
			from := i.y + reflect(2*i.h-1-(y-i.y), i.h)
			copy(p[y*w:(y+1)*w], p[from*w:(from+1)*w])
		}
	}
}

// imageOverlap is from which overlap with another face's mirror image on a detection beyond the edge is one.
const imageOverlap = 0.5

// withoutImages drops the mirror images of faces that lie beside the picture's edge: what lies with its middle beyond that edge, where
// another face has its image. A face that the edge itself cuts is its own image, and stays. It works in place.
func withoutImages(found []Detection, pic frame.Rect) []Detection {
	return slices.DeleteFunc(found, func(d Detection) bool {
		c := d.Box.Center()
		image := d.Box
		if c.X < pic.X0 {
			image.X0, image.X1 = 2*pic.X0-d.Box.X1, 2*pic.X0-d.Box.X0
		} else if c.X > pic.X1 {
			image.X0, image.X1 = 2*pic.X1-d.Box.X1, 2*pic.X1-d.Box.X0
		}
		if c.Y < pic.Y0 {
			image.Y0, image.Y1 = 2*pic.Y0-d.Box.Y1, 2*pic.Y0-d.Box.Y0
		} else if c.Y > pic.Y1 {
			image.Y0, image.Y1 = 2*pic.Y1-d.Box.Y1, 2*pic.Y1-d.Box.Y0
		}
		return image != d.Box && slices.ContainsFunc(found, func(o Detection) bool {
			oc := o.Box.Center()
			return o.Box != d.Box && oc.X >= pic.X0 && oc.X <= pic.X1 && oc.Y >= pic.Y0 && oc.Y <= pic.Y1 && o.Box.IoU(image) > imageOverlap
		})
	})
}

// reflect folds v into 0..n-1.
func reflect(v, n int) int {
	v %= 2 * n
	if v < 0 {
		v += 2 * n
	}
	return min(v, 2*n-1-v)
}

const (
	nearSide = 192 // px of the input of Near
	nearFace = 64  // px that the face is high there, as expected
)

// Near looks for faces around box alone, in a part of the picture three times as large, turned by roll so that a face of
// that roll stands upright: about a sixth of a whole look at side 640, and sharper where the face is small. roll is in
// radians, as align.Placement has it. The slice is valid until the next call. Errors as of Detect.
func (d *Detector) Near(ctx context.Context, pic *frame.Picture, box frame.Rect, roll float64) ([]Detection, error) {
	if err := pic.Validate(); err != nil {
		return nil, fmt.Errorf("detector: %w", err)
	}
	d.found = d.found[:0]
	size := max(box.W(), box.H())
	if !(size > 0) || math.IsInf(size, 0) || math.IsNaN(roll) {
		return nil, fmt.Errorf("detector: a box of %v cannot be looked near", box)
	}
	if d.near == nil {
		d.near = &look{Look: Look{Side: nearSide}}
	}
	c, s := box.Center(), size/nearFace
	sin, cos := math.Sincos(roll)
	const half = nearSide / 2
	m := align.Matrix{s * cos, -s * sin, c.X - s*(cos-sin)*half, s * sin, s * cos, c.Y - s*(sin+cos)*half}
	if err := d.see(ctx, d.near, pic, nearSide, nearSide, m, inset{}); err != nil {
		return nil, err
	}
	d.found = suppress(d.found, d.cfg.Overlap)
	return d.found, nil
}

// moved is d seen through m, a map without skew. The box of a face that m turns holds the ellipse that was in it.
func (d Detection) moved(m align.Matrix) Detection {
	c := m.Apply(d.Box.Center())
	w, h := d.Box.W()/2, d.Box.H()/2
	rx, ry := math.Hypot(m[0]*w, m[1]*h), math.Hypot(m[3]*w, m[4]*h)
	d.Box = frame.Rect{X0: c.X - rx, Y0: c.Y - ry, X1: c.X + rx, Y1: c.Y + ry}
	for i, p := range d.Points {
		d.Points[i] = m.Apply(p)
	}
	return d
}
