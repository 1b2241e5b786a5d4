package compositor

import (
	"fmt"
	"math"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
)

// flatPatch is opaque in a disc and of one colour.
func flatPatch(size int, r, g, b uint8) *frame.Patch {
	p := newPatch(size)
	for i := 0; i < len(p.RGBA); i += 4 {
		p.RGBA[i], p.RGBA[i+1], p.RGBA[i+2] = r, g, b
	}
	return p
}

// TestCodes compares colours laid into pictures with code values of the standards (BT.601-7, BT.709-6, BT.2020-2).
func TestCodes(t *testing.T) {
	ten := frame.Planar("I420_10", 10, 1, 1)
	for _, tc := range []struct {
		layout  *frame.Layout
		matrix  frame.Matrix
		full    bool
		r, g, b uint8
		want    []int
	}{
		{frame.I420, frame.BT601, false, 255, 255, 255, []int{235, 128, 128}},
		{frame.I420, frame.BT601, false, 0, 0, 0, []int{16, 128, 128}},
		{frame.I420, frame.BT601, false, 255, 0, 0, []int{81, 90, 240}},
		{frame.I420, frame.BT601, false, 0, 255, 0, []int{145, 54, 34}},
		{frame.I420, frame.BT601, false, 0, 0, 255, []int{41, 240, 110}},
		{frame.NV12, frame.BT709, false, 255, 0, 0, []int{63, 102, 240}},
		{frame.NV12, frame.BT709, false, 0, 255, 0, []int{173, 42, 26}},
		{frame.Y444, frame.BT709, false, 0, 0, 255, []int{32, 240, 118}},
		{frame.P010, frame.BT2020, false, 255, 255, 255, []int{940, 512, 512}},
		{ten, frame.BT2020, false, 255, 0, 0, []int{294, 387, 960}},
		{frame.I420, frame.BT601, true, 255, 255, 255, []int{255, 128, 128}},
		{frame.I420, frame.BT601, true, 255, 0, 0, []int{76, 85, 255}}, // JFIF
		{frame.RGB24, frame.BT709, false, 200, 100, 50, []int{200, 100, 50}},
		{frame.RGBA, frame.BT601, true, 1, 254, 77, []int{1, 254, 77}},
		{frame.Gray8, frame.BT709, true, 200, 200, 200, []int{200}},
	} {
		t.Run(fmt.Sprintf("%s/%d/%v/%d,%d,%d", tc.layout.Name, tc.matrix, tc.full, tc.r, tc.g, tc.b), func(t *testing.T) {
			p := newPicture(tc.layout, 120, 120, 1)
			p.Matrix, p.FullRange = tc.matrix, tc.full
			if _, err := New().Compose(p, placed(flatPatch(96, tc.r, tc.g, tc.b), 60, 60, 90, 0)); err != nil {
				t.Fatal(err)
			}
			for i, want := range tc.want {
				c := tc.layout.Components[i]
				if got := get(p, i, 60>>c.SubX, 60>>c.SubY); got < want-1 || got > want+1 {
					t.Errorf("component %d: got %d, want %d", i, got, want)
				}
			}
		})
	}
}

// TestPlacement: a mark of the patch lands where the similarity says, to a tenth of a pixel, in luma and chroma, at all
// scales and between pixels.
func TestPlacement(t *testing.T) {
	p := flatPatch(128, 60, 60, 60)
	for y := range 128 {
		for x := range 128 {
			if math.Hypot(float64(x)-43.5, float64(y)-51.5) < 6 { // its centre is at (44, 52) of 128
				copy(p.RGBA[4*(y*128+x):], []byte{0, 250, 0}) // no skin: pores would shift its centre
			}
		}
	}
	for _, l := range []*frame.Layout{frame.Y444, frame.I420, frame.RGB24} {
		for _, at := range [][4]float64{{150, 120, 128, 0}, {150.25, 120.5, 128, 0}, {150.7, 120.1, 220, 33}, {151, 119, 70, -90}, {150, 120, 50, 170}} {
			t.Run(fmt.Sprint(l.Name, at), func(t *testing.T) {
				pic := frame.New(l, 300, 240)
				s := placed(p, at[0], at[1], at[2], at[3])
				s.Grow = 1
				if _, err := New().Compose(pic, s); err != nil {
					t.Fatal(err)
				}
				m := s.Placement
				u, v := 44./128, 52./128
				wantX, wantY := m[0]*u+m[1]*v+m[2], m[3]*u+m[4]*v+m[5]
				for _, i := range []int{0, 2} { // Y or R, Cr or B: all depart from the flat colour at the mark
					c := l.Components[i]
					offX, offY := .5, float64(int(1)<<c.SubY)/2 // MPEG-2 siting: left, between the rows
					base := get(pic, i, 150>>c.SubX, 120>>c.SubY)
					var n, sx, sy float64
					w, h := pic.Size(i)
					r := at[2] * 9 / 128
					for y := range h {
						for x := range w {
							px, py := float64(x<<c.SubX)+offX, float64(y<<c.SubY)+offY
							if math.Hypot(px-wantX, py-wantY) > r {
								continue
							}
							d := math.Abs(float64(get(pic, i, x, y) - base))
							n += d
							sx += d * px
							sy += d * py
						}
					}
					// Chroma has a quarter of the samples: the sum over them is coarser.
					if e := math.Hypot(sx/n-wantX, sy/n-wantY); e > .1*float64(int(1)<<c.SubX) {
						t.Errorf("component %d: off by %.3f px", i, e)
					}
				}
			})
		}
	}
}

// TestMinified: detail below the picture's resolution becomes its mean, not an alias.
func TestMinified(t *testing.T) {
	p := flatPatch(256, 0, 0, 0)
	for i := 0; i < len(p.RGBA); i += 4 {
		if x, y := i/4%256, i/4/256; (x+y)%2 == 0 {
			p.RGBA[i], p.RGBA[i+1], p.RGBA[i+2] = 255, 255, 255
		}
	}
	for _, side := range []float64{100, 61, 40, 23} {
		pic := frame.New(frame.RGB24, 200, 200)
		if _, err := New().Compose(pic, placed(p, 100.3, 100.6, side, 30)); err != nil {
			t.Fatal(err)
		}
		r := int(side / 5)
		for y := 100 - r; y < 100+r; y++ {
			for x := 100 - r; x < 100+r; x++ {
				if v := get(pic, 0, x, y); v < 117 || v > 138 {
					t.Fatalf("side %v: pixel %d,%d is %d", side, x, y, v)
				}
			}
		}
	}
}

// portrait paints a picture of one wall colour, with a neck of another below a face at (100, 90).
func portrait(wall, neck [3]int) *frame.Picture {
	p := frame.New(frame.Y444, 200, 200)
	for i := range 3 {
		for y := range 200 {
			for x := range 200 {
				v := wall[i]
				if y > 90 && x > 65 && x < 135 {
					v = neck[i]
				}
				p.Planes[i].Data[y*200+x] = byte(v)
			}
		}
	}
	return p
}

func meanOf(p *frame.Picture, i int) (m float64) {
	for y := 80; y < 100; y++ {
		for x := 90; x < 110; x++ {
			m += float64(get(p, i, x, y)) / 400
		}
	}
	return m
}

// TestToneMatches: the surrogate follows the brightness and hue of the skin around the core, and of nothing in it.
func TestToneMatches(t *testing.T) {
	for _, skin := range [][3]int{{60, 118, 140}, {120, 110, 150}, {180, 112, 148}} {
		p := portrait([3]int{skin[0], 128, 120}, skin)
		s := placed(flatPatch(64, 150, 150, 150), 100, 90, 100, 0)
		m, err := MeasureTone(p, s.Oval, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		s.Tone = m.Tone()
		if s.Tone.Skin != 3 {
			t.Fatalf("%v is not seen as skin: %+v", skin, m)
		}
		if _, err := New().Compose(p, s); err != nil {
			t.Fatal(err)
		}
		grey := 16 + 219*150./255
		y, want := meanOf(p, 0), float64(skin[0])
		if math.Abs(y-want) > .25*math.Abs(grey-want)+6 {
			t.Errorf("skin %v: surrogate of luma %.0f became %.0f", skin, grey, y)
		}
		for i := 1; i < 3; i++ {
			if c := meanOf(p, i); (c-128)*float64(skin[i]-128) <= 0 {
				t.Errorf("skin %v: component %d is %.0f", skin, i, c)
			}
		}
	}
}

// TestWallIsNotSkin: a wall in the colour of skin is told from skin by being everywhere; a surrogate takes the neck's hue and not
// the wall's, and where no skin is in sight it is not believed to be in sight.
func TestWallIsNotSkin(t *testing.T) {
	beige, neck, black := [3]int{150, 116, 136}, [3]int{120, 112, 143}, [3]int{20, 128, 128}
	oval := placed(newPatch(64), 100, 90, 100, 0).Oval
	m, err := MeasureTone(portrait(beige, neck), oval, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := 15. / 224; m.Skin < .9 || math.Abs(m.Cr-want) > .01 {
		t.Errorf("neck before a beige wall: %+v, want Cr %.3f", m, want)
	}
	if m, err = MeasureTone(portrait(beige, black), oval, 0, nil); err != nil || m.Skin > .1 || math.Abs(m.Cr-typicalCr) > .02 {
		t.Errorf("a beige wall is taken for skin: %+v, %v", m, err)
	}
	// With the head on its side the neck lies elsewhere.
	if m, err = MeasureTone(portrait(neck, black), oval, math.Pi/2, nil); err != nil || m.Skin > .1 {
		t.Errorf("a wall beside a head on its side: %+v, %v", m, err)
	}
}

// TestTeethStayGrey: paler skin is no blue light: what has no colour keeps none.
func TestTeethStayGrey(t *testing.T) {
	p := flatPatch(64, 205, 135, 100) // orange
	for y := 30; y < 36; y++ {
		for x := 26; x < 38; x++ {
			copy(p.RGBA[4*(y*64+x):], []byte{230, 230, 230})
		}
	}
	pic := frame.New(frame.Y444, 200, 200)
	s := placed(p, 100, 100, 120, 0)
	s.Tone = Tone{Luma: 36, Cb: -5, Cr: 5, Skin: 3}
	if _, err := New().Compose(pic, s); err != nil {
		t.Fatal(err)
	}
	u, v := s.Placement[0]*.5+s.Placement[2], s.Placement[4]*.515+s.Placement[5]
	for i := 1; i < 3; i++ {
		if c := get(pic, i, int(u), int(v)); c < 121 || c > 135 {
			t.Errorf("component %d of the teeth is %d", i, c)
		}
	}
	if cr := get(pic, 2, 100, 80); cr < 128+8 || cr > 128+18 {
		t.Errorf("Cr of the skin is %d", cr)
	}
}

// TestExposure: beside skin that says little, the surrogate follows the exposure of the scene; before a window it follows the skin.
func TestExposure(t *testing.T) {
	oval := placed(newPatch(64), 100, 90, 100, 0).Oval
	luma := func(wall, neck int) float64 {
		m, err := MeasureTone(portrait([3]int{wall, 128, 128}, [3]int{neck, 112, 150}), oval, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		return m.Luma*219 + 16
	}
	if dark, light := luma(40, 50), luma(160, 140); dark > 65 || light < 130 {
		t.Errorf("a dark room gives %.0f, a light one %.0f", dark, light)
	}
	if v := luma(230, 50); v > 75 {
		t.Errorf("skin of 50 before a window of 230 gives %.0f", v)
	}
	if v := luma(20, 180); v < 170 {
		t.Errorf("skin of 180 before a black curtain gives %.0f", v)
	}
}

// TestOtherFacesAreNotLookedAt: the tone of one face does not depend on what is inside another's box.
func TestOtherFacesAreNotLookedAt(t *testing.T) {
	p := portrait([3]int{150, 116, 136}, [3]int{120, 112, 150})
	q := clone(p)
	other := frame.Rect{X0: 135, Y0: 60, X1: 185, Y1: 120}
	for i := range 3 {
		for y := 60; y < 120; y++ {
			for x := 135; x < 185; x++ {
				q.Planes[i].Data[y*200+x] = byte(40*i + x%50)
			}
		}
	}
	oval := placed(newPatch(64), 100, 90, 100, 0).Oval
	own := frame.Rect{X0: 70, Y0: 50, X1: 130, Y1: 130}
	a, err := MeasureTone(p, oval, 0, []frame.Rect{own, other})
	b, err2 := MeasureTone(q, oval, 0, []frame.Rect{own, other})
	if a != b || err != nil || err2 != nil {
		t.Errorf("%+v, %v, %+v, %v", a, err, b, err2)
	}
	if c, _ := MeasureTone(q, oval, 0, []frame.Rect{own}); c == a {
		t.Error("the test's other face changes nothing")
	}
}

// TestToneGrid: whatever was measured, a Tone stays on the grid that ToneBits counts.
func TestToneGrid(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, v := range []float64{-inf, -3, -.5, 0, .2, .49, 1, 7, inf, nan} {
		g := Surround{Luma: v, Black: v, Cb: v, Cr: v, Skin: v, Blur: v, Seen: 1}.Tone()
		if g.Luma > 63 || g.Black > 15 || g.Cb < -16 || g.Cb > 15 || g.Cr < -16 || g.Cr > 15 || g.Skin > 3 || g.Blur > 7 {
			t.Errorf("%v gives %+v", v, g)
		}
	}
	if g := (Surround{Luma: .5}).Tone(); g != (Tone{}) {
		t.Errorf("nothing seen gives %+v", g)
	}
	m := MeanSurround([]Surround{{}, {Luma: .5, Skin: 1, Seen: 1}, {Luma: .1, Seen: 1}, {Luma: nan, Seen: nan}, {Luma: .7, Skin: 1, Seen: 1, Blur: 2}})
	if math.Abs(m.Luma-.6) > .02 || m.Blur != 2 {
		t.Errorf("mean %+v", m)
	}
}
