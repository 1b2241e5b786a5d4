package compositor

import "github.com/ksamenet/ksamenet/core/frame"

// fill is a smooth extension of a patch's colours over the plane: the pull-push method on a small grid of twice
// the patch's extent. Source: Gortler, Grzeszczuk, Szeliski, Cohen: The Lumigraph (1996), section 3.4.
type fill struct {
	level [6][]texel // 32×32, 16×16, … 1×1
	store [1365]texel
}

// texel is a colour, 0..255, with a weight: multiplied by it while pulling, plain after pushing.
type texel struct{ r, g, b, w float32 }

const (
	fillSide  = 32           // cells over two patch sides
	fillPatch = fillSide / 2 // cells over the patch
	fillFrom  = fillSide / 4 // first cell of the patch
)

func (f *fill) build(p *frame.Patch) {
	at := 0
	for l := range f.level {
		side := fillSide >> l
		f.level[l] = f.store[at : at+side*side]
		at += side * side
	}
	clear(f.level[0])
	cell := p.Size / fillPatch
	step := max(1, cell/8)
	fade := edgeTable(p.Size)
	for cy := range fillPatch {
		for cx := range fillPatch {
			var t texel
			count := float32(0)
			for y := cy*cell + step/2; y < (cy+1)*cell; y += step {
				for x := cx*cell + step/2; x < (cx+1)*cell; x += step {
					s := p.RGBA[4*(y*p.Size+x):]
					w := min(fade(x), fade(y))
					t.r += w * float32(s[0])
					t.g += w * float32(s[1])
					t.b += w * float32(s[2])
					t.w += w
					count++
				}
			}
			f.level[0][(fillFrom+cy)*fillSide+fillFrom+cx] = texel{t.r / count, t.g / count, t.b / count, t.w / count}
		}
	}
	for l := 1; l < len(f.level); l++ {
		f.pull(l)
	}
	for l := len(f.level) - 1; l >= 0; l-- {
		f.push(l)
	}
}

// pull sums four cells into one; a cell's weight saturates at 1.
func (f *fill) pull(l int) {
	side, fine, coarse := fillSide>>l, f.level[l-1], f.level[l]
	for y := range side {
		for x := range side {
			var t texel
			for _, s := range [4]texel{fine[(2*y)*2*side+2*x], fine[(2*y)*2*side+2*x+1], fine[(2*y+1)*2*side+2*x], fine[(2*y+1)*2*side+2*x+1]} {
				t.r, t.g, t.b, t.w = t.r+s.r, t.g+s.g, t.b+s.b, t.w+s.w
			}
			if t.w > 1 {
				t.r, t.g, t.b, t.w = t.r/t.w, t.g/t.w, t.b/t.w, 1
			}
			coarse[y*side+x] = t
		}
	}
}

// push completes the cells of level l by the next coarser one. The coarsest has only itself: mid-grey when the patch is
// transparent throughout, which the generator refuses before.
func (f *fill) push(l int) {
	side := fillSide >> l
	for y := range side {
		for x := range side {
			t := &f.level[l][y*side+x]
			var c texel
			switch {
			case l+1 < len(f.level):
				c = bilinear(f.level[l+1], side/2, (float32(x)+.5)/2, (float32(y)+.5)/2)
			case t.w > 0:
				c = texel{t.r / t.w, t.g / t.w, t.b / t.w, 1}
			default:
				c = texel{128, 128, 128, 1}
			}
			k := 1 - t.w
			*t = texel{t.r + k*c.r, t.g + k*c.g, t.b + k*c.b, 1}
		}
	}
}

// bilinear samples a grid whose cell (i, j) has its centre at (i+.5, j+.5), clamping at its edges.
func bilinear(g []texel, side int, x, y float32) texel {
	i, fx := clampCell(x, side)
	j, fy := clampCell(y, side)
	i1, j1 := min(i+1, side-1), min(j+1, side-1)
	a, b, c, d := &g[j*side+i], &g[j*side+i1], &g[j1*side+i], &g[j1*side+i1]
	wa, wb, wc, wd := (1-fx)*(1-fy), fx*(1-fy), (1-fx)*fy, fx*fy
	return texel{
		wa*a.r + wb*b.r + wc*c.r + wd*d.r,
		wa*a.g + wb*b.g + wc*c.g + wd*d.g,
		wa*a.b + wb*b.b + wc*c.b + wd*d.b,
		1,
	}
}

// clampCell splits a position into the cell before it and the way to the next, within 0..side−1.
func clampCell(x float32, side int) (int, float32) {
	x -= .5
	if x <= 0 {
		return 0, 0
	}
	if x >= float32(side-1) {
		return side - 1, 0
	}
	i := int(x)
	return i, x - float32(i)
}
