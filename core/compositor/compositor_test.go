package compositor

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
)

// yuy2 is packed 4:2:2: Y0 Cb Y1 Cr.
var yuy2 = &frame.Layout{Name: "YUY2", Components: []frame.Component{{Step: 2, Depth: 8}, {Offset: 1, Step: 4, Depth: 8, SubX: 1}, {Offset: 3, Step: 4, Depth: 8, SubX: 1}}}

// nv16 is 4:2:2 in two planes, bgrx packed blue, green, red and a byte of padding.
var (
	nv16 = &frame.Layout{Name: "NV16", Components: []frame.Component{{Step: 1, Depth: 8}, {Plane: 1, Step: 2, Depth: 8, SubX: 1}, {Plane: 1, Offset: 1, Step: 2, Depth: 8, SubX: 1}}}
	bgrx = &frame.Layout{Name: "BGRx", RGB: true, Components: []frame.Component{{Offset: 2, Step: 4, Depth: 8}, {Offset: 1, Step: 4, Depth: 8}, {Step: 4, Depth: 8}}}
)

var layouts = []*frame.Layout{
	frame.I420, frame.Y42B, frame.Y444, frame.NV12, frame.P010, frame.RGB24, frame.RGBA, frame.Gray8, yuy2,
	frame.Planar("I420_10", 10, 1, 1), frame.Planar("I422_10", 10, 1, 0), frame.Planar("Y444_10", 10, 0, 0), nv16, bgrx, frame.Planar("I422_12", 12, 1, 0), frame.Planar("Y444_16", 16, 0, 0), frame.Planar("Y41B", 8, 2, 0), frame.Planar("YUV9", 8, 2, 2),
}

// newPicture makes a picture whose rows are padded and whose bytes, padding included, are noise.
func newPicture(l *frame.Layout, w, h int, seed uint64) *frame.Picture {
	p := frame.New(l, w, h)
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range p.Planes {
		pl := &p.Planes[i]
		pl.Stride += 2 * (pl.W % 7)
		if l == yuy2 {
			pl.Stride = (w + 1) / 2 * 4
		}
		pl.Data = make([]byte, pl.Stride*pl.H)
		for j := range pl.Data {
			pl.Data[j] = byte(r.Uint32())
		}
	}
	for i, c := range l.Components {
		cw, ch := p.Size(i)
		for y := range ch {
			for x := range cw {
				setSample(&p.Planes[c.Plane], c, x, y, int(r.Uint32())&(1<<c.Depth-1))
			}
		}
	}
	return p
}

func clone(p *frame.Picture) *frame.Picture {
	q := *p
	q.Planes = nil
	for _, pl := range p.Planes {
		pl.Data = bytes.Clone(pl.Data)
		q.Planes = append(q.Planes, pl)
	}
	return &q
}

// newPatch draws a face-like ellipse: a gradient with features, soft above, hard at the sides; green where it is transparent.
func newPatch(size int) *frame.Patch {
	p := &frame.Patch{Size: size, RGBA: make([]byte, 4*size*size)}
	for y := range size {
		for x := range size {
			u, v := (float64(x)+.5)/float64(size), (float64(y)+.5)/float64(size)
			s := p.RGBA[4*(y*size+x):]
			s[0], s[1], s[2] = 0, 255, 0
			d := math.Hypot((u-.5)/.36, (v-.5)/.46)
			if d < 1 {
				s[0], s[1], s[2], s[3] = uint8(200-60*v), uint8(150-40*u), uint8(120-20*v), 255
				if math.Hypot(u-.38, v-.42) < .05 || math.Hypot(u-.62, v-.42) < .05 {
					s[0], s[1], s[2] = 40, 30, 30
				}
			} else if d < 1.1 && v < .5 {
				s[0], s[1], s[2], s[3] = 180, 140, 110, uint8(255*(1.1-d)/.1)
			}
		}
	}
	return p
}

// placed is a patch of side px around (x, y), rolled by deg, over an oval that it covers just about.
func placed(p *frame.Patch, x, y, side, deg float64) Surrogate {
	b, a := math.Sincos(deg * math.Pi / 180)
	a, b = a*side, b*side
	s := Surrogate{Patch: p, Placement: [6]float64{a, -b, x - (a-b)/2, b, a, y - (a+b)/2}}
	for i := range 36 {
		sn, cs := math.Sincos(2 * math.Pi * float64(i) / 36)
		u, v := .5+.33*cs, .5+.42*sn
		s.Oval = append(s.Oval, frame.Point{X: a*u - b*v + s.Placement[2], Y: b*u + a*v + s.Placement[5]})
	}
	return s
}

// shares says that the pixel that sample (x, y) of component c serves lies in the core: rows of its own field, in interlaced 4:2:0.
func shares(p *frame.Picture, c frame.Component, o *outline, x, y int) bool {
	for i := range 1 << c.SubX {
		for j := range 1 << c.SubY {
			row := y<<c.SubY + j
			if p.Fields != frame.Progressive && c.SubY > 0 {
				row = (y>>1<<c.SubY+j)<<1 | y&1
			}
			if inCore(o, x<<c.SubX+i, row) {
				return true
			}
		}
	}
	return false
}

// eachSample calls f with the pixels that each colour sample stands for.
func eachSample(p *frame.Picture, f func(comp, x, y int, px frame.Rect)) {
	for i := range p.Layout.Colors() {
		c := p.Layout.Components[i]
		w, h := p.Size(i)
		for y := range h {
			for x := range w {
				f(i, x, y, frame.Rect{
					X0: float64(x << c.SubX), Y0: float64(y << c.SubY),
					X1: float64((x + 1) << c.SubX), Y1: float64((y + 1) << c.SubY),
				})
			}
		}
	}
}

// inCore says that pixel (x, y) has its centre inside the core of oval.
func inCore(o *outline, x, y int) bool {
	dx, dy := float64(x)+.5-o.x, float64(y)+.5-o.y
	r := math.Hypot(dx, dy)
	return r == 0 || r <= o.at(dx/r, dy/r)
}

func get(p *frame.Picture, i, x, y int) int {
	c := p.Layout.Components[i]
	return sampleAt(&p.Planes[c.Plane], c, x, y)
}

// TestNonInterference is invariant I4: two sources that differ inside the core only give the same picture, tone included.
func TestNonInterference(t *testing.T) {
	for _, l := range layouts {
		for _, tc := range []struct {
			w, h   int
			fields frame.FieldOrder
			full   bool
			matrix frame.Matrix
		}{
			{160, 120, frame.Progressive, false, frame.BT709},
			{97, 83, frame.Progressive, true, frame.BT601},
			{96, 84, frame.TopFirst, false, frame.BT2020},
		} {
			t.Run(fmt.Sprintf("%s/%v", l.Name, tc), func(t *testing.T) {
				s := placed(newPatch(64), 55, 45, 90, 17)
				o, err := newOutline(s.Oval)
				if err != nil {
					t.Fatal(err)
				}
				a := newPicture(l, tc.w, tc.h, 1)
				a.Fields, a.FullRange, a.Matrix = tc.fields, tc.full, tc.matrix
				b, other := clone(a), newPicture(l, tc.w, tc.h, 2)
				inside := 0
				eachSample(a, func(i, x, y int, _ frame.Rect) {
					c := l.Components[i]
					if shares(a, c, &o, x, y) {
						setSample(&b.Planes[c.Plane], c, x, y, get(other, i, x, y))
						inside++
					}
				})
				if inside < 500 || bytes.Equal(a.Planes[0].Data, b.Planes[0].Data) {
					t.Fatalf("the test changes %d samples", inside)
				}
				ma, mb := measure(t, a, s.Oval), measure(t, b, s.Oval)
				if ma != mb {
					t.Fatalf("tone or light depend on the core: %+v, %+v", ma, mb)
				}
				s.Tone, s.Halo, s.Seed = ma.Tone(), tc.full, 5
				for _, p := range []*frame.Picture{a, b} {
					if _, err := New().Compose(p, s); err != nil {
						t.Fatal(err)
					}
				}
				for i := range a.Planes {
					if !bytes.Equal(a.Planes[i].Data, b.Planes[i].Data) {
						t.Errorf("plane %d depends on source samples of the core", i)
					}
				}
			})
		}
	}
}

func measure(t *testing.T, p *frame.Picture, oval []frame.Point) Surround {
	t.Helper()
	m, err := MeasureTone(p, oval, 0.3, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestOutsideUntouched is invariant I5: beyond the mask every byte, padding and alpha included, is the source's.
func TestOutsideUntouched(t *testing.T) {
	for _, l := range layouts {
		for _, at := range [][4]float64{{48, 41, 60, 0}, {3, 5, 70, -30}, {96, 82, 50, 90}, {50, 40, 14, 8}} {
			t.Run(fmt.Sprintf("%s/%v", l.Name, at), func(t *testing.T) {
				p := newPicture(l, 97, 83, 3)
				before := clone(p)
				s := placed(newPatch(64), at[0], at[1], at[2], at[3])
				s.Halo, s.Tone, s.Seed = at[2] == 14, Tone{Luma: 30, Grain: 5}, 3
				if at[2] == 70 {
					p.Fields = frame.BottomFirst
				}
				res, err := New().Compose(p, s)
				if err != nil {
					t.Fatal(err)
				}
				o, _ := newOutline(s.Oval)
				m := newMask(o, p)
				place, _ := newSimilarity(s.Placement)
				m.stand(place)
				if s.Halo {
					m.widenHalo()
				}
				changed, outside := 0, 0
				want := clone(before)
				eachSample(p, func(i, x, y int, px frame.Rect) {
					c := l.Components[i]
					if get(p, i, x, y) != get(before, i, x, y) {
						changed++
						if px.Intersect(res.Box).Empty() {
							t.Fatalf("component %d sample %d,%d lies outside the reported box %v", i, x, y, res.Box)
						}
					}
					far := true
					for _, q := range [4]frame.Point{{X: px.X0, Y: px.Y0}, {X: px.X1, Y: px.Y0}, {X: px.X0, Y: px.Y1}, {X: px.X1, Y: px.Y1}} {
						_, limit := m.rim(m.past(q.X-m.x, q.Y-m.y))
						far = far && limit == 0
					}
					if far {
						outside++
					} else {
						setSample(&want.Planes[c.Plane], c, x, y, get(p, i, x, y))
					}
				})
				if changed < 50 || outside < 500 {
					t.Fatalf("%d samples changed, %d lie outside", changed, outside)
				}
				for i := range p.Planes {
					if !bytes.Equal(p.Planes[i].Data, want.Planes[i].Data) {
						t.Errorf("plane %d changed outside the mask", i)
					}
				}
			})
		}
	}
}

// TestCoreOpaque: the whole oval shows the patch or its fill, whatever the patch's silhouette, and nothing of the blue source.
func TestCoreOpaque(t *testing.T) {
	for _, tc := range []struct {
		name         string
		x, y, scale  float64 // of the oval relative to the placement
		filled, grow float64 // at least
	}{
		{"fits", 0, 0, 1, 0, 1},
		{"larger", 0, 0, 1.15, 0, 1.04},
		{"much larger", 0, 0, 1.6, 0.2, MaxGrow},
		{"beside", 70, 0, 1, 0.4, MaxGrow},
		{"far away", 900, 0, 1, 1, MaxGrow},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := placed(newPatch(128), 160, 120, 150, 5)
			for i, p := range s.Oval {
				s.Oval[i] = frame.Point{X: 160 + tc.x + (p.X-160)*tc.scale, Y: 120 + tc.y + (p.Y-120)*tc.scale}
			}
			p := frame.New(frame.RGB24, 320, 240)
			for i := range p.Planes[0].Data {
				p.Planes[0].Data[i] = 255 * byte(i%3/2) // blue, as nothing of the patch is
			}
			if tc.x > 100 {
				s.Placement[2] -= tc.x // the oval stays in the picture, the patch leaves it
				for i := range s.Oval {
					s.Oval[i].X -= tc.x
				}
			}
			res, err := New().Compose(p, s)
			if err != nil {
				t.Fatal(err)
			}
			if res.Filled < tc.filled || res.Grow < tc.grow-1e-9 || tc.filled == 0 && res.Filled > .02 {
				t.Errorf("filled %.3f grown %.3f, want at least %v, %v", res.Filled, res.Grow, tc.filled, tc.grow)
			}
			o, _ := newOutline(s.Oval)
			for y := range 240 {
				for x := range 320 {
					q := p.Planes[0].Data[y*p.Planes[0].Stride+3*x:]
					if inCore(&o, x, y) && q[2] > 160 {
						t.Fatalf("pixel %d,%d of the core is %v", x, y, q[:3])
					}
				}
			}
		})
	}
}

func TestOvalInsideCore(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for range 2000 {
		var oval []frame.Point
		roll := r.Float64() * 2 * math.Pi
		b, a := math.Sincos(roll)
		rx, ry := 1+100*r.Float64(), 1+100*r.Float64()
		for range 3 + r.IntN(60) {
			s, c := math.Sincos(2 * math.Pi * r.Float64())
			x, y := c*rx, s*ry
			oval = append(oval, frame.Point{X: 5000 + a*x - b*y, Y: -300 + b*x + a*y})
		}
		o, err := newOutline(oval)
		if err != nil {
			if errors.Is(err, ErrOval) && (rx < 3 || ry < 3 || len(oval) < 5) {
				continue // a sliver of less than a pixel
			}
			t.Fatalf("%v: %v", oval, err)
		}
		if o.lo <= 0 || math.IsNaN(o.c0) {
			t.Fatalf("%v: %+v", oval, o)
		}
		for _, p := range oval {
			dx, dy := p.X-o.x, p.Y-o.y
			if d := math.Hypot(dx, dy); d > o.at(dx/d, dy/d)*(1+1e-9)/dilation {
				t.Fatalf("%v lies outside: %v of %v", p, d, o.at(dx/d, dy/d))
			}
		}
		for i := range 1000 {
			s, c := math.Sincos(2 * math.Pi * float64(i) / 1000)
			if v := o.at(c, s); v < o.lo || v > o.hi {
				t.Fatalf("radius %v at %d outside %v..%v", v, i, o.lo, o.hi)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	good := func() Surrogate { return placed(newPatch(64), 50, 50, 60, 0) }
	nan, inf := math.NaN(), math.Inf(1)
	for _, tc := range []struct {
		name string
		want error // nil: any
		s    func() Surrogate
	}{
		{"no patch", nil, func() Surrogate { s := good(); s.Patch = nil; return s }},
		{"short patch", nil, func() Surrogate { s := good(); s.Patch = &frame.Patch{Size: 64, RGBA: make([]byte, 100)}; return s }},
		{"zero placement", ErrPlacement, func() Surrogate { s := good(); s.Placement = [6]float64{}; return s }},
		{"NaN placement", ErrPlacement, func() Surrogate { s := good(); s.Placement[2] = nan; return s }},
		{"NaN scale", ErrPlacement, func() Surrogate { s := good(); s.Placement[0] = nan; return s }},
		{"infinite placement", ErrPlacement, func() Surrogate { s := good(); s.Placement[5] = inf; return s }},
		{"huge scale", ErrPlacement, func() Surrogate { s := good(); s.Placement = [6]float64{1e9, 0, 0, 0, 1e9, 0}; return s }},
		{"mirrored", ErrPlacement, func() Surrogate { s := good(); s.Placement[0] *= -1; return s }},
		{"sheared", ErrPlacement, func() Surrogate { s := good(); s.Placement[1] += 3; return s }},
		{"stretched", ErrPlacement, func() Surrogate { s := good(); s.Placement[4] *= 1.1; return s }},
		{"no oval", ErrOval, func() Surrogate { s := good(); s.Oval = nil; return s }},
		{"NaN oval", ErrOval, func() Surrogate { s := good(); s.Oval[3].X = nan; return s }},
		{"infinite oval", ErrOval, func() Surrogate { s := good(); s.Oval[3].Y = -inf; return s }},
		{"flat oval", ErrOval, func() Surrogate {
			s := good()
			for i := range s.Oval {
				s.Oval[i].Y = 7
			}
			return s
		}},
		{"long oval", ErrOval, func() Surrogate { s := good(); s.Oval = make([]frame.Point, 1000); return s }},
		{"NaN grow", ErrPlacement, func() Surrogate { s := good(); s.Grow = nan; return s }},
		{"shrinking", ErrPlacement, func() Surrogate { s := good(); s.Grow = .9; return s }},
		{"growing too much", ErrPlacement, func() Surrogate { s := good(); s.Grow = 2; return s }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPicture(frame.I420, 100, 100, 1)
			before := clone(p)
			_, err := New().Compose(p, tc.s())
			if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if !bytes.Equal(p.Planes[0].Data, before.Planes[0].Data) {
				t.Error("the picture changed")
			}
		})
	}
	t.Run("short picture", func(t *testing.T) {
		p := newPicture(frame.I420, 100, 100, 1)
		p.Planes[2].Data = p.Planes[2].Data[:10]
		if _, err := New().Compose(p, good()); !errors.Is(err, frame.ErrLayout) {
			t.Error(err)
		}
		if _, err := MeasureTone(p, good().Oval, 0, nil); !errors.Is(err, frame.ErrLayout) {
			t.Error(err)
		}
		if _, err := Cover(p, p.Bounds(), Solid); !errors.Is(err, frame.ErrLayout) {
			t.Error(err)
		}
	})
}

// FuzzCompose: no placement panics, and no error leaves a changed picture.
func FuzzCompose(f *testing.F) {
	f.Add(50., 50., 60., 0., 1.)
	f.Add(-1e5, 3., 20., 180., 1.)
	f.Add(40., 40., 30000., 45., .01)
	f.Add(40., 40., 4., 0., 300.)
	f.Add(math.NaN(), math.Inf(-1), -5., 1e300, 0.)
	patch, c := newPatch(32), New()
	f.Fuzz(func(t *testing.T, x, y, side, roll, oval float64) {
		s := placed(patch, x, y, side, roll)
		for i, p := range s.Oval {
			s.Oval[i] = frame.Point{X: x + (p.X-x)*oval, Y: y + (p.Y-y)*oval}
		}
		p := newPicture(frame.I420, 75, 61, 1)
		before := clone(p)
		res, err := c.Compose(p, s)
		if (err != nil || res.Box.Empty()) && !bytes.Equal(p.Planes[0].Data, before.Planes[0].Data) {
			t.Errorf("box %v, error %v, but the picture changed", res.Box, err)
		}
		if _, err2 := MeasureTone(p, s.Oval, 0, nil); err == nil && err2 != nil {
			t.Error(err2)
		}
	})
}

func TestDeterminism(t *testing.T) {
	s := placed(newPatch(128), 90, 70, 100, 12)
	s.Tone = Tone{Luma: 30, Black: 5, Cb: -3, Cr: 4, Skin: 2, Blur: 3}
	a, b := newPicture(frame.NV12, 200, 150, 4), newPicture(frame.NV12, 200, 150, 4)
	used := New()
	if _, err := used.Compose(newPicture(frame.P010, 300, 300, 9), placed(newPatch(256), 150, 150, 280, 100)); err != nil {
		t.Fatal(err)
	}
	if _, err := used.Compose(a, s); err != nil {
		t.Fatal(err)
	}
	if _, err := New().Compose(b, s); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Planes[0].Data, b.Planes[0].Data) || !bytes.Equal(a.Planes[1].Data, b.Planes[1].Data) {
		t.Error("a used and a new compositor differ")
	}
}

func TestNoAllocs(t *testing.T) {
	p := newPicture(frame.I420, 320, 240, 1)
	s := placed(newPatch(128), 160, 120, 150, 5)
	c := New()
	if n := testing.AllocsPerRun(10, func() {
		m, err := MeasureTone(p, s.Oval, 0, nil)
		s.Tone = m.Tone()
		if _, err2 := c.Compose(p, s); err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		if _, err := Cover(p, frame.Rect{X0: 10, Y0: 10, X1: 50, Y1: 60}, Pixelate); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations per run", n)
	}
}
