package landmark

import (
	"math"
	"slices"

	"github.com/ksamenet/ksamenet/core/appearance"
)

// How far the lips are apart and the eyes are open is measured on the mesh itself and wins over what the regressor says of
// it: a regressor's guess of one unit leans towards the mean, while viewers read speech and blinks from just these two
// figures. Measured on talking clips, original against output, correlation of mouth opening and blinks: .57 and .78 by the
// regressor, .93 and .96 so (asl_sorry); .87 and .55, .96 and .78 (a turning head).

// opening is the state of mouth and eyes in one picture.
type opening struct {
	gap float64 // between the inner lips, patch units: mean of three places
	eye float64 // height of the eye's opening by its width: mean of three places, of both eyes, the nearer one counting more

	pitch float64 // of the surrogate's head, degrees
}

// rest is a person's opening with closed lips and eyes open as usual. Only its ratio to the present opening goes on.
type rest struct{ gap, eye float64 }

// usualRest is the rest of people of whom no better is known: mean of 500 rendered people.
var usualRest = rest{gap: .0045, eye: .308}

// maxRestGap bounds the rest of a mouth: beyond it the lips are apart, however long they have been.
const maxRestGap = .008

var (
	lipPairs = [3][2]int{{25, 35}, {24, 36}, {26, 34}} // places in watched: 14 13, 87 82, 317 312
	lidPairs = [3][2]int{{13, 3}, {12, 4}, {11, 5}}    // upper and lower, counted from an eye's first contour point
)

const farCorner = 8 // an eye's other corner, counted likewise

// opening measures s; the surrogate that shows it is rendered at its pitch.
func (s *Sample) opening() opening {
	o := s.Geometry.opening()
	o.pitch = s.Raw.Pitch
	return o
}

// opening measures g, but for the pitch.
func (g *Geometry) opening() opening {
	var o opening
	for _, p := range lipPairs {
		o.gap += g.distance(p[0], p[1]) / 3
	}
	var ratio [2]float64
	for k, e := range eyes {
		for _, p := range lidPairs {
			ratio[k] += g.distance(e.contour+p[0], e.contour+p[1]) / 3
		}
		ratio[k] /= g.distance(e.contour, e.contour+farCorner)
	}
	// The eye that is turned away is a guess of the network; 6° of yaw make the nearer one count 2.7 times as much.
	left := 1 / (1 + math.Exp(-float64(g[Coordinates])*60/6))
	o.eye = left*ratio[0] + (1-left)*ratio[1]
	return o
}

// hasEyes says that the eyes had a width to measure their height by.
func (o opening) hasEyes() bool { return !math.IsNaN(o.eye) && !math.IsInf(o.eye, 0) }

// distance is the distance of two watched points.
func (g *Geometry) distance(a, b int) float64 {
	x, y, z := float64(g[3*a]-g[3*b]), float64(g[3*a+1]-g[3*b+1]), float64(g[3*a+2]-g[3*b+2])
	return math.Sqrt(x*x + y*y + z*z)
}

// restOf is the rest of a track: the lips' gap in its most closed fifth, the eyes in their usual state. The pictures of NeutralOf
// count. In a track of less than half a second eyes may be shut throughout: its rest is near the usual one.
func restOf(track []Sample) rest {
	var gaps, open []float64
	for _, s := range seen(track) {
		o := s.Geometry.opening()
		gaps, open = append(gaps, o.gap), append(open, o.eye)
	}
	if len(gaps) == 0 {
		return usualRest
	}
	slices.Sort(gaps)
	slices.Sort(open)
	r := rest{gap: min(gaps[len(gaps)/5], maxRestGap), eye: open[len(open)*3/5]}
	if len(gaps) < minReference {
		r.eye = clamp(r.eye, (1-restSpread)*usualRest.eye, (1+restSpread)*usualRest.eye)
	}
	return r
}

// restSpread is how far people's eyes at rest are from the usual ones, in parts of those, and no farther.
const restSpread = .2

// lids: loss of eye opening for eyeClose, steeper than the surrogate's answer (.07 .12 .17 .22 .34 .64 .70 in steps of .133).
// Small filmed eyes measure .4 to .67 of their rest when shut, a surrogate's .3: answered one to one, people of 70 pixels
// blinked by half.
var lids = answers{{0, 0}, {.05, .133}, {.1, .267}, {.15, .4}, {.2, .533}, {.28, .63}, {.36, .75}, {.46, 1}}

// Units by their place in appearance.UnitNames, and how much one opens the mouth or shuts the eyes in parts of mouthOpen
// and eyeClose (measured with the tables above).
const (
	mouthOpen, eyeClose, eyeOpen, squint, browSad = appearance.MouthOpen, 3, 4, 5, 8

	squintShuts = .85
	lidNoise    = .02 // of the eye's opening: what the mesh's jitter makes of a still eye
	wideOpens   = .155
)

// open makes mouth and eyes of e as open as o is beyond r. trust < 1 weakens it, as fade weakens units.
func (o opening) open(e *[appearance.Units]float64, r rest, trust float64) {
	lips := jawStrength(max(0, o.gap-r.gap)*trust, o.pitch)
	others := OtherLips(e)
	if others > lips {
		for _, p := range parts {
			e[p.unit] *= lips / others
		}
		others = lips
	}
	e[mouthOpen] = clamp(lips-others, 0, 1)

	if !o.hasEyes() {
		return // an eye without width or height says nothing: what the regressor reads stands
	}
	loss := (1 - o.eye/r.eye) * trust
	shut := lids.strength(max(0, loss-lidNoise))
	if shut > .6 {
		e[squint] = 0 // a blink
	}
	e[squint] = min(e[squint], shut/squintShuts)
	e[eyeClose] = clamp(shut-squintShuts*e[squint], 0, 1)
	e[eyeOpen] = clamp((-loss-lidNoise)/wideOpens, 0, 1)
}

// Opener sets mouth and eyes of a track as it comes, for streams.
type Opener struct {
	head  *Head
	eye   float64 // the eye's rest so far; 0: not seen yet
	level leveler
}

// The rest of a stream's eyes follows wider eyes within half a second and narrower ones within ten: blinks are short.
const restRises, restFalls = .1, .004

// NewOpener is the Opener of a new track. head is that of New.
func NewOpener(head *Head) *Opener { return &Opener{head: head} }

// Next sets mouth and eyes of the track's next sample, and levels the rest, against what the track has shown so far.
// Errors: ErrOutput.
func (p *Opener) Next(s Sample) (Sample, error) {
	o := s.Geometry.opening()
	if s.frontal() && o.hasEyes() {
		if p.eye == 0 {
			p.eye = clamp(o.eye, (1-restSpread)*usualRest.eye, (1+restSpread)*usualRest.eye)
		}
		step := restFalls
		if o.eye > p.eye {
			step = restRises
		}
		p.eye += step * (o.eye - p.eye)
	}
	r := usualRest
	if p.eye > 0 {
		r.eye = p.eye
	}
	if err := p.level.next(p.head, &s); err != nil {
		return s, err
	}
	o.pitch = s.Raw.Pitch
	o.open(&s.Raw.Expression, r, trust(s.Geometry.yaw()))
	return s, nil
}
