package align

// affineRow samples destination row y of a patch through m (destination px → sample index), bilinear, edges replicated.
func (p *patch) affineRow(out []float32, m Matrix, y int) {
	v := float64(y) + .5
	x0, y0 := float32(m[0]*.5+m[1]*v+m[2]), float32(m[3]*.5+m[4]*v+m[5])
	dx, dy := float32(m[0]), float32(m[3])
	mx, my := float32(p.w-1), float32(p.h-1)
	x1, y1 := x0+float32(len(out))*dx, y0+float32(len(out))*dy
	if min(x0, x1) >= 0 && max(x0, x1) < mx && min(y0, y1) >= 0 && max(y0, y1) < my {
		for i := range out { // the whole row lies between samples: the loop below without its edges
			fx, fy := x0+float32(i)*dx, y0+float32(i)*dy
			xi, yi := int(fx), int(fy)
			k := yi*p.w + xi
			up, down := p.data[k:k+2:k+2], p.data[k+p.w:k+p.w+2:k+p.w+2]
			tx := fx - float32(xi)
			a := up[0] + (up[1]-up[0])*tx
			c := down[0] + (down[1]-down[0])*tx
			out[i] = a + (c-a)*(fy-float32(yi))
		}
		return
	}
	for i := range out {
		fx := min(max(x0+float32(i)*dx, 0), mx)
		fy := min(max(y0+float32(i)*dy, 0), my)
		xi, yi := int(fx), int(fy)
		tx, ty := fx-float32(xi), fy-float32(yi)
		right, down := 1, p.w
		if xi == p.w-1 {
			right = 0
		}
		if yi == p.h-1 {
			down = 0
		}
		k := yi*p.w + xi
		a, b := p.data[k], p.data[k+right]
		c, d := p.data[k+down], p.data[k+down+right]
		a += (b - a) * tx
		c += (d - c) * tx
		out[i] = a + (c-a)*ty
	}
}

// columns are the taps of an unrotated warp: destination column i reads samples lo[i] and lo[i]+right[i].
type columns struct {
	lo, hi []int32
	t      []float32
	whole  bool // every column falls on one sample, one after the other: no weights needed
}

func (c *columns) plan(m Matrix, n, w int) {
	if cap(c.lo) < n {
		c.lo, c.hi, c.t = make([]int32, n), make([]int32, n), make([]float32, n)
	}
	c.lo, c.hi, c.t = c.lo[:n], c.hi[:n], c.t[:n]
	c.whole = true
	for i := range n {
		lo, hi, t := tap(m[0]*(float64(i)+.5)+m[2], w)
		c.lo[i], c.hi[i], c.t[i] = int32(lo), int32(hi), t
		c.whole = c.whole && t == 0 && lo == int(c.lo[0])+i
	}
}

// tap splits position x on n samples into two neighbours and the weight of the second, edges replicated.
func tap(x float64, n int) (lo, hi int, t float32) {
	x = min(max(x, 0), float64(n-1))
	lo = int(x)
	t = float32(x - float64(lo))
	if t < 1e-4 { // rounding noise of an exact grid; below a hundredth of a grey level
		t = 0
	} else if t > 1-1e-4 {
		lo, t = lo+1, 0
	}
	return lo, min(lo+1, n-1), t
}

// straightRow samples destination row y of plane i when m has no rotation: first between two sample rows, then along.
// It is the fast path of whole-picture resizing; affineRow is its plain twin.
func (w *Warper) straightRow(i int, m Matrix, y int) {
	p, c, out := &w.planes[i], &w.cols[i], w.rows[i]
	lo, hi, t := tap(m[4]*(float64(y)+.5)+m[5], p.h)
	row := p.data[lo*p.w : (lo+1)*p.w]
	if t != 0 {
		if cap(w.blend) < p.w {
			w.blend = make([]float32, p.w)
		}
		mixed, next := w.blend[:p.w], p.data[hi*p.w:(hi+1)*p.w]
		for x, a := range row {
			mixed[x] = a + (next[x]-a)*t
		}
		row = mixed
	}
	if c.whole {
		copy(out, row[c.lo[0]:])
		return
	}
	los, his, ts := c.lo[:len(out)], c.hi[:len(out)], c.t[:len(out)]
	for x := range out {
		a := row[los[x]]
		out[x] = a + (row[his[x]]-a)*ts[x]
	}
}
