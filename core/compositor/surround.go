package compositor

import (
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

// What MeasureTone looks at, in shares of the outline's mean radius beyond the core's edge: close by for skin (neck, ears),
// farther out, beside and above the head, for what the background looks like.
const (
	ringShare   = 0.40
	browShare   = 0.25 // of the ring, above the forehead
	browUp      = 0.6  // cosine of the angle to the crown from which that is
	wallFrom    = 0.35
	wallShare   = 1.10
	sceneShare  = 2.5
	ringSamples = 4096 // about as many pixels are looked at, whatever the face's size
)

// MeasureTone looks at what surrounds the core that Compose would paint for oval, and at nothing inside the core. roll is the
// face's, in radians clockwise on the screen: the neck lies at its chin. faces are the boxes of all faces known to be in the
// picture: nothing of the others is looked at either.
// It returns ErrOval for an unusable oval and frame.ErrLayout for an unusable picture.
func MeasureTone(pic *frame.Picture, oval []frame.Point, roll float64, faces []frame.Rect) (Surround, error) {
	if err := pic.Validate(); err != nil {
		return Surround{}, err
	}
	out, err := newOutline(oval)
	if err != nil {
		return Surround{}, err
	}
	m := newMask(out, pic)
	var above palette // by itself: a scan with three palettes does not fit on the stack
	look := scan{mask: &m, read: newReader(pic), faces: faces, own: out.box(0), brow: &above}
	look.downX, look.downY = -math.Sin(roll), math.Cos(roll)
	if math.IsNaN(look.downX) {
		look.downX, look.downY = 0, 1
	}
	look.near()
	if look.all.n == 0 {
		return Surround{}, nil
	}
	s := Surround{Seen: look.all.n / look.total, Black: look.blackLevel(), Blur: look.blur(), Grain: look.noise.sigma()}
	var skin, brow tally
	var bare float64
	if pic.Layout.Colors() == 3 {
		look.beyond()
		skin, s.Skin = look.skin()
		brow, bare = look.forehead()
	}
	s.Side, s.Sides = look.sides()
	s.expect(look.scene(), look.all, skin, brow, bare)
	return s, nil
}

// What a face looks like beside such skin and in such a scene. Fitted to 49 tracks of the test clips and portraits (19 people,
// exposures from night to haze) whose own brightness is known; the bright skin of neck and ears was as bright as the bright half of the
// face, where it is not in shade. Fitted without the person it is tried on, brightness was 9 % off in the mean, 22 % too dark and 28 % too
// bright at worst; chroma .013 of its range.
const (
	deepRed = 0.100 // skin in deep shade is redder than the face in the light: half of what exceeds this counts
	// The forehead above the core is in the face's own light, and the one place where neck, ears and beard say nothing of shade: it
	// counts where it is brighter than they. It is darker where it is hair.
	enoughBrow = 0.03 // share of skin above the forehead from which it is believed fully
	mostShade  = 0.5  // natural logarithm of how much brighter than the other skin it may be
	browHue    = 0.3  // share of its hue in the estimate
	sceneTrust = 0.5  // share of the scene's brightness in the estimate; cameras expose for it
	// The scene counts where the face's brightness by its skin lies between these shares of it. Below, the face is against the
	// light, beyond, before a dark curtain or over a dark suit.
	backlit, scenic, spotlit, dark = 0.3, 0.6, 0.9, 1.25
	typicalCb                      = -0.035
	typicalCr                      = 0.050
	castTrust                      = 0.3 // without skin, how much of the surroundings' colour is taken for the light's
	maxSceneCast                   = 0.04
)

// expect fills in the brightness and hue that a face can be expected to have. brow is the skin above the forehead, share how much of
// what lies there is skin.
func (s *Surround) expect(scene float64, around, skin, brow tally, share float64) {
	limit := func(v float64) float64 { return min(maxSceneCast, max(-maxSceneCast, v)) }
	s.Luma = scene
	s.Cb, s.Cr = typicalCb+castTrust*limit(around.cb/around.n), typicalCr+castTrust*limit(around.cr/around.n)
	if !(s.Skin > 0) {
		return
	}
	luma, blue, red := max(skin.y/skin.n, 1e-3), skin.cb/skin.n, skin.cr/skin.n
	if brow.n > 0 {
		seen := smoothstep(share / enoughBrow)
		lit := math.Log(max(brow.y/brow.n, 1e-3) / luma)
		luma *= math.Exp(seen * min(mostShade, max(0, lit)))
		blue += browHue * seen * (brow.cb/brow.n - blue)
		red += browHue * seen * (brow.cr/brow.n - red)
	}
	ratio := luma / max(scene, 1e-3)
	trust := s.Skin * (1 - sceneTrust*smoothstep((ratio-backlit)/(scenic-backlit))*smoothstep((dark-ratio)/(dark-spotlit)))
	s.Luma = math.Pow(luma, trust) * math.Pow(max(scene, 1e-3), 1-trust)
	red = min(red, deepRed+(red-deepRed)/2)
	s.Cb += s.Skin * (blue - s.Cb)
	s.Cr += s.Skin * (red - s.Cr)
}

// scan is one look at the surroundings of a core.
type scan struct {
	mask         *mask
	read         reader
	downX, downY float64 // towards the chin
	faces        []frame.Rect
	own          frame.Rect // of the core
	total        float64    // weight of the whole ring
	all          tally      // of what of it lies in the picture
	sharp        [2]edges   // on the left and the right
	noise        noise
	ring, wall   palette
	brow         *palette    // of the ring, what lies above the forehead
	halves       [2][2]tally // skin about the core and what lies below it, on the picture's left and right half of the head
}

// each calls f with the pixels from..to shares of the mean radius beyond the core's edge, every step pixels, with the cosine of
// the angle to the chin, and of that to the side that is right on an upright picture.
func (s *scan) each(from, to float64, samples float64, f func(x, y int, e, down, side float64, inside bool)) {
	m := s.mask
	ring := to * m.c0
	box := m.outline.box(m.apart + ring)
	step := max(1, math.Sqrt(box.Area()/samples))
	pic := s.read.pic
	for y := box.Y0 + step/2; y < box.Y1; y += step {
		for x := box.X0 + step/2; x < box.X1; x += step {
			// Whole pixels: the position that is tested is the position that is read.
			px, py := math.Floor(x)+.5, math.Floor(y)+.5
			dx, dy := px-m.x, py-m.y
			r := math.Sqrt(dx*dx + dy*dy)
			if r < m.lo || r > m.hi+m.apart+ring {
				continue
			}
			e := r - m.at(dx/r, dy/r) - m.apart
			if e <= from*m.c0 || e > ring || s.other(px, py) {
				continue
			}
			inside := px >= 0 && py >= 0 && px < float64(pic.W) && py < float64(pic.H)
			f(int(math.Floor(px)), int(math.Floor(py)), e, (dx*s.downX+dy*s.downY)/r, (dx*s.downY-dy*s.downX)/r, inside)
		}
	}
}

// other says that (x, y) belongs to another face.
func (s *scan) other(x, y float64) bool {
	for _, f := range s.faces {
		if x > f.X0-edgeReach && x < f.X1+edgeReach && y > f.Y0-edgeReach && y < f.Y1+edgeReach && f.IoU(s.own) < ownFace {
			return true
		}
	}
	return false
}

// ownFace is the overlap of boxes from which a face is the one under the core.
const ownFace = 0.35

// scene is the mean luma of the wider surroundings.
func (s *scan) scene() float64 {
	var sum, n float64
	s.each(0, sceneShare, ringSamples/4, func(x, y int, _, _, _ float64, inside bool) {
		if inside {
			sum += s.read.luma(x, y)
			n++
		}
	})
	return sum / max(n, 1)
}

// near looks at the ring.
func (s *scan) near() {
	safe := edgeReach*(1+s.mask.steep) - s.mask.apart
	s.each(0, ringShare, ringSamples, func(x, y int, e, down, side float64, inside bool) {
		w := 1 + down // the neck is below, hair and sky are above
		s.total += w
		if !inside {
			return
		}
		luma, cb, cr := s.read.at(x, y)
		s.all.add(w, luma, cb, cr)
		s.ring.add(w, luma, cb, cr)
		if down < -browUp && e < browShare*s.mask.c0 {
			s.brow.add(1, luma, cb, cr)
		}
		if down > -0.2 && isSkin(luma, cb, cr) {
			s.halves[0][half(side)].add(1, luma, cb, cr)
		}
		if e > safe {
			s.read.edgesAt(&s.sharp[half(side)], x, y)
			if x > 0 && x < s.read.pic.W-1 {
				s.noise.add(s.read.luma(x, y) - (s.read.luma(x-1, y)+s.read.luma(x+1, y))/2)
			}
		}
	})
}

// beyond looks at the background: beside and above the head, where no neck and no shoulder is.
func (s *scan) beyond() {
	s.each(wallFrom, clothesTo, ringSamples/3, func(x, y int, e, down, side float64, inside bool) {
		wall, clothes := down < 0.3 && e < wallShare*s.mask.c0, down > clothesDown && e > clothesFrom*s.mask.c0 && math.Abs(side) > 0.1
		if !inside || !wall && !clothes {
			return
		}
		luma, cb, cr := s.read.at(x, y)
		switch {
		case wall:
			s.wall.add(1, luma, cb, cr)
		case clothes:
			s.halves[1][half(side)].add(1, luma, cb, cr)
		}
	})
}
