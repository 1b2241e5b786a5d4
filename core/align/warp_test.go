package align

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
)

var (
	gray16 = &frame.Layout{Name: "gray16", Components: []frame.Component{{Step: 2, Depth: 16}}}
	bgrx   = &frame.Layout{Name: "bgrx", RGB: true, Components: []frame.Component{{Offset: 2, Step: 4, Depth: 8}, {Offset: 1, Step: 4, Depth: 8}, {Step: 4, Depth: 8}}}
	uyvy   = &frame.Layout{Name: "uyvy422", Components: []frame.Component{{Offset: 1, Step: 2, Depth: 8}, {Step: 4, Depth: 8, SubX: 1}, {Offset: 2, Step: 4, Depth: 8, SubX: 1}}}
)

var layouts = []*frame.Layout{
	frame.I420, frame.Y42B, frame.Y444, frame.NV12, frame.P010, frame.RGB24, frame.RGBA, frame.Gray8, gray16, bgrx, uyvy,
	frame.Planar("420p10", 10, 1, 1), frame.Planar("422p12", 12, 1, 0), frame.Planar("444p16", 16, 0, 0), frame.Planar("410", 8, 2, 2),
}

func setSample(p *frame.Picture, i, x, y, v int) {
	c := p.Layout.Components[i]
	b := p.Planes[c.Plane].Data[y*p.Planes[c.Plane].Stride+c.Offset+x*c.Step:]
	if c.Bytes() == 1 {
		b[0] = byte(v << c.Shift)
	} else {
		binary.LittleEndian.PutUint16(b, uint16(v<<c.Shift))
	}
}

func getSample(p *frame.Picture, i, x, y int) float64 {
	c := p.Layout.Components[i]
	b := p.Planes[c.Plane].Data[y*p.Planes[c.Plane].Stride+c.Offset+x*c.Step:]
	if c.Bytes() == 1 {
		return float64(b[0] >> c.Shift)
	}
	return float64(binary.LittleEndian.Uint16(b) >> c.Shift)
}

// paint fills component i with f of the sample's centre in picture px, in codes.
func paint(p *frame.Picture, i int, f func(x, y float64) float64) {
	c := p.Layout.Components[i]
	w, h := p.Size(i)
	for y := range h {
		for x := range w {
			setSample(p, i, x, y, int(math.Round(f((float64(x)+.5)*float64(int(1)<<c.SubX), (float64(y)+.5)*float64(int(1)<<c.SubY)))))
		}
	}
}

func noise(l *frame.Layout, w, h int, r *rand.Rand) *frame.Picture {
	p := frame.New(l, w, h)
	for i, c := range l.Components {
		paint(p, i, func(x, y float64) float64 { return float64(r.IntN(1 << c.Depth)) })
	}
	return p
}

// slow is the definition of Warp, pixel by pixel: box averages on the grid of whole factors, bilinear, colour, order.
func slow(p *frame.Picture, m Matrix, d Input) []float32 {
	at := func(i int, q frame.Point) float64 {
		c := p.Layout.Components[i]
		w, h := p.Size(i)
		ux, uy := float64(int(1)<<c.SubX), float64(int(1)<<c.SubY)
		fx, fy := int(max(1, math.Round(m.Scale()/ux))), int(max(1, math.Round(m.Scale()/uy)))
		box := func(bx, by int) float64 {
			bx, by = min(max(bx, 0), (w-1)/fx), min(max(by, 0), (h-1)/fy)
			sum, n := 0.0, 0.0
			for y := by * fy; y < min((by+1)*fy, h); y++ {
				for x := bx * fx; x < min((bx+1)*fx, w); x++ {
					sum, n = sum+getSample(p, i, x, y), n+1
				}
			}
			return sum / n
		}
		x, y := q.X/ux/float64(fx)-.5, q.Y/uy/float64(fy)-.5
		x, y = min(max(x, 0), float64((w-1)/fx)), min(max(y, 0), float64((h-1)/fy))
		bx, by := math.Floor(x), math.Floor(y)
		tx, ty := x-bx, y-by
		a, b := box(int(bx), int(by)), box(int(bx)+1, int(by))
		e, f := box(int(bx), int(by)+1), box(int(bx)+1, int(by)+1)
		gain, offset := levels(p, i)
		return ((a*(1-tx)+b*tx)*(1-ty)+(e*(1-tx)+f*tx)*ty)*gain + offset
	}
	out := make([]float32, len(d.Data))
	clip := func(v float64) float64 { return min(max(v, 0), 255) }
	for v := range d.H {
		for u := range d.W {
			q := m.Apply(frame.Point{X: float64(u) + .5, Y: float64(v) + .5})
			var c [3]float64
			c[0] = at(0, q)
			c[1], c[2] = c[0], c[0]
			if p.Layout.Colors() == 3 {
				c[1], c[2] = at(1, q), at(2, q)
				if !p.Layout.RGB {
					kr, kb := map[frame.Matrix]float64{frame.BT601: .299, frame.BT709: .2126, frame.BT2020: .2627}[p.Matrix], map[frame.Matrix]float64{frame.BT601: .114, frame.BT709: .0722, frame.BT2020: .0593}[p.Matrix]
					r, b := c[0]+2*(1-kr)*c[2], c[0]+2*(1-kb)*c[1]
					g := (c[0] - kr*r - kb*b) / (1 - kr - kb)
					c = [3]float64{r, g, b}
				}
			}
			if d.Border == Black && (q.X < 0 || q.Y < 0 || q.X > float64(p.W) || q.Y > float64(p.H)) {
				c = [3]float64{}
			}
			if d.BGR {
				c[0], c[2] = c[2], c[0]
			}
			for i := range c {
				k := i*d.W*d.H + v*d.W + u
				if d.NHWC {
					k = (v*d.W+u)*3 + i
				}
				out[k] = float32(clip(c[i]))*d.Scale + d.Offset
			}
		}
	}
	return out
}

func rotation(angle, scale, x, y float64) Matrix {
	s, c := math.Sincos(angle)
	return Matrix{scale * c, -scale * s, x, scale * s, scale * c, y}
}

func TestWarpEqualsSlowTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	maps := []struct {
		name string
		m    Matrix
	}{
		{"identity", Identity}, {"half", rotation(0, 2, 0, 0)}, {"enlarge", rotation(0, .4, 3.3, -2)}, {"2.7 down", rotation(0, 2.7, -11, 5)},
		{"turned", rotation(.5, 1.3, 20, -8)}, {"turned, 4.2 down", rotation(-2.2, 4.2, 60, 50)}, {"quarter turn", rotation(math.Pi/2, 1, 60, 0)},
		{"off the picture", rotation(.1, 1, -500, 900)}, {"unequal", Matrix{2, 0, 0, 0, 2.05, 0}},
	}
	for _, l := range layouts {
		for i, tc := range maps {
			t.Run(fmt.Sprintf("%s/%s", l.Name, tc.name), func(t *testing.T) {
				p := noise(l, 67, 45, r)
				p.Matrix, p.FullRange = frame.Matrix(i%3), i%2 == 0
				d := Input{W: 32, H: 24, Data: make([]float32, 3*32*24), NHWC: i%2 == 1, BGR: i%3 == 1, Scale: 1. / 64, Offset: -1, Border: Border(i % 2)}
				var w Warper
				if err := w.Warp(p, tc.m, d); err != nil {
					t.Fatal(err)
				}
				for k, want := range slow(p, tc.m, d) {
					if math.Abs(float64(d.Data[k]-want)) > .01 { // .6 of 255 grey levels; float32 positions on full-contrast noise
						t.Fatalf("value %d: got %v, want %v", k, d.Data[k], want)
					}
				}
			})
		}
	}
}

// A plane that is linear in x and y stays the same linear function under box averages and bilinear taps, so this checks
// the geometry (pixel centres, chroma positions, factors) against nothing but the definition of the coordinates.
func TestWarpKeepsLinearPictures(t *testing.T) {
	for _, l := range []*frame.Layout{gray16, frame.Planar("444p16", 16, 0, 0), frame.Planar("420p16", 16, 1, 1), frame.Planar("422p16", 16, 1, 0)} {
		p := frame.New(l, 400, 300)
		p.FullRange = true
		paint(p, 0, func(x, y float64) float64 { return 8000 + 90*x + 40*y })
		if l.Colors() == 3 {
			paint(p, 1, func(x, y float64) float64 { return 32768 - 6*x + 3*y })
			paint(p, 2, func(x, y float64) float64 { return 32768 + 4*x - 5*y })
		}
		for _, m := range []Matrix{rotation(.3, 2.9, 120, 40), rotation(0, 2, 60, 60), rotation(-1, 6, 90, 150), rotation(0, .5, 100, 100)} {
			d := Input{W: 20, H: 20, Data: make([]float32, 1200)}
			var w Warper
			if err := w.Warp(p, m, d); err != nil {
				t.Fatal(err)
			}
			for v := range 20 {
				for u := range 20 {
					q := m.Apply(frame.Point{X: float64(u) + .5, Y: float64(v) + .5})
					want := (8000 + 90*q.X + 40*q.Y) / 257
					if l.Colors() == 3 {
						want += 2 * (1 - .2126) * (4*q.X - 5*q.Y) / 257
					}
					if got := float64(d.Data[v*20+u]); math.Abs(got-min(max(want, 0), 255)) > .02 {
						t.Fatalf("%s %v: R at (%d,%d) = %v, want %v", l.Name, m, u, v, got, want)
					}
				}
			}
		}
	}
}

// Colour bars at 75 % in limited-range 8-bit codes, from Rec. ITU-R BT.709-6 and BT.601-7 arithmetic.
func TestWarpColours(t *testing.T) {
	for _, tc := range []struct {
		name      string
		matrix    frame.Matrix
		full      bool
		y, cb, cr int
		want      [3]float32
	}{
		{"709 red", frame.BT709, false, 63, 102, 240, [3]float32{255, 0, 0}},
		{"601 red", frame.BT601, false, 81, 90, 240, [3]float32{255, 0, 0}},
		{"2020 red", frame.BT2020, false, 74, 97, 240, [3]float32{255, 0, 0}},
		{"white", frame.BT709, false, 235, 128, 128, [3]float32{255, 255, 255}},
		{"black", frame.BT709, false, 16, 128, 128, [3]float32{0, 0, 0}},
		{"full grey", frame.BT709, true, 100, 128, 128, [3]float32{100, 100, 100}},
		{"709 blue", frame.BT709, false, 32, 240, 118, [3]float32{0, 0, 255}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := frame.New(frame.I420, 8, 8)
			p.Matrix, p.FullRange = tc.matrix, tc.full
			for i, v := range [3]int{tc.y, tc.cb, tc.cr} {
				paint(p, i, func(x, y float64) float64 { return float64(v) })
			}
			d := Input{W: 4, H: 4, Data: make([]float32, 48)}
			var w Warper
			if err := w.Warp(p, Identity, d); err != nil {
				t.Fatal(err)
			}
			for c, want := range tc.want {
				if got := d.Data[c*16+5]; math.Abs(float64(got-want)) > 2.5 {
					t.Errorf("channel %d: got %v, want %v", c, got, want)
				}
			}
		})
	}
}

func TestWarpErrors(t *testing.T) {
	good := Input{W: 2, H: 2, Data: make([]float32, 12)}
	short := frame.New(frame.I420, 8, 8)
	short.Planes[2].Data = short.Planes[2].Data[:3]
	for _, tc := range []struct {
		name string
		p    *frame.Picture
		m    Matrix
		d    Input
		want error
	}{
		{"plane too short", short, Identity, good, frame.ErrLayout},
		{"wrong data length", frame.New(frame.I420, 8, 8), Identity, Input{W: 2, H: 2, Data: make([]float32, 11)}, ErrInput},
		{"no size", frame.New(frame.I420, 8, 8), Identity, Input{}, ErrInput},
		{"flat matrix", frame.New(frame.I420, 8, 8), Matrix{1, 1, 0, 1, 1, 0}, good, ErrDegenerate},
		{"farther than any picture", frame.New(frame.I420, 8, 8), Matrix{1e300, 1, 0, -1, 1e300, 0}, good, ErrDegenerate},
		{"NaN matrix", frame.New(frame.I420, 8, 8), Matrix{1, 0, math.NaN(), 0, 1, 0}, good, ErrDegenerate},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var w Warper
			if err := w.Warp(tc.p, tc.m, tc.d); !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestWarpAllocatesNothing(t *testing.T) {
	p := noise(frame.I420, 320, 180, rand.New(rand.NewPCG(3, 4)))
	d := Input{W: 64, H: 64, Data: make([]float32, 3*64*64)}
	var w Warper
	warp := func() {
		for _, m := range []Matrix{rotation(.2, 2, 40, 10), rotation(0, 2.5, 0, 0)} {
			if err := w.Warp(p, m, d); err != nil {
				t.Fatal(err)
			}
		}
	}
	warp()
	if n := testing.AllocsPerRun(20, warp); n != 0 {
		t.Fatalf("%v allocations per run, want 0", n)
	}
}

func BenchmarkWarp(b *testing.B) {
	for _, tc := range []struct {
		name string
		w, h int
		m    func(p *frame.Picture) (int, int, Matrix)
	}{
		{"720p to 640x384", 1280, 720, func(p *frame.Picture) (int, int, Matrix) { return Fit(p.W, p.H, 640, 1) }},
		{"1080p to 640x384", 1920, 1080, func(p *frame.Picture) (int, int, Matrix) { return Fit(p.W, p.H, 640, 1) }},
		{"1080p to 1280x736", 1920, 1080, func(p *frame.Picture) (int, int, Matrix) { return Fit(p.W, p.H, 1280, 1) }},
		{"face 300px to 192", 1280, 720, func(*frame.Picture) (int, int, Matrix) { return 192, 192, rotation(.1, 300./192, 400, 200) }},
		{"face 700px to 192", 1920, 1080, func(*frame.Picture) (int, int, Matrix) { return 192, 192, rotation(.1, 700./192, 400, 200) }},
	} {
		b.Run(tc.name, func(b *testing.B) {
			p := frame.New(frame.I420, tc.w, tc.h)
			for i := range 3 {
				paint(p, i, func(x, y float64) float64 { return 128 + 50*math.Sin(x/50)*math.Cos(y/40) })
			}
			w, h, m := tc.m(p)
			d := Input{W: w, H: h, Data: make([]float32, 3*w*h), Border: Black}
			var warper Warper
			b.ReportAllocs()
			for b.Loop() {
				if err := warper.Warp(p, m, d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
