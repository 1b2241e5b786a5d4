package landmark

import "github.com/ksamenet/ksamenet/core/appearance"

// answers are a generator's openings for strengths of a unit, as the mesh network sees them on surrogates (mixtures of four donors,
// from the front): piecewise linear, answer rising.
type answers []struct{ answer, strength float64 }

// jaw: growth of the gap for mouthOpen in heads of the given pitch, degrees; mean of both networks, patches of 200 and 110 pixels, eight
// mixtures each, which differ by .004. Lips of a head that is bent forward hide the first of it. Small gaps get a little less strength
// than would answer them: more speaks too loud (models/appearance/CARD.md).
var jaw = []struct {
	pitch float64
	answers
}{
	{-32, answers{{0, 0}, {.002, .12}, {.0066, .2}, {.0135, .267}, {.0251, .333}, {.0333, .4}, {.0407, .533}, {.05, .733}, {.075, 1}}},
	{-25, answers{{0, 0}, {.002, .08}, {.0065, .133}, {.0142, .2}, {.0202, .267}, {.0312, .333}, {.0364, .4}, {.0406, .533}, {.059, .733}, {.096, 1}}},
	{-15, answers{{0, 0}, {.0037, .067}, {.0118, .133}, {.0226, .2}, {.0299, .267}, {.0337, .333}, {.0386, .4}, {.0508, .533}, {.0717, .733}, {.0953, 1}}},
	{0, answers{{0, 0}, {.002, .067}, {.0086, .133}, {.017, .2}, {.0241, .267}, {.0306, .333}, {.0361, .4}, {.0475, .533}, {.0651, .733}, {.0833, 1}}},
	{15, answers{{0, 0}, {.002, .08}, {.0033, .133}, {.012, .2}, {.0201, .267}, {.0262, .333}, {.0313, .4}, {.0409, .533}, {.0551, .733}, {.0675, 1}}},
	{25, answers{{0, 0}, {.002, .12}, {.0031, .2}, {.0077, .267}, {.0141, .333}, {.0213, .4}, {.033, .533}, {.0448, .733}, {.059, 1}}},
}

// jawStrength is mouthOpen's strength that opens the lips by gap in a head of the given pitch.
func jawStrength(gap, pitch float64) float64 {
	last := len(jaw) - 1
	pitch = clamp(pitch, jaw[0].pitch, jaw[last].pitch)
	for i := 1; i < last; i++ {
		if pitch <= jaw[i].pitch {
			last = i
		}
	}
	a, b := jaw[last-1], jaw[last]
	t := (pitch - a.pitch) / (b.pitch - a.pitch)
	return (1-t)*a.strength(gap) + t*b.strength(gap)
}

// JawGap is how much farther than at rest mouthOpen parts the lips of a usual surrogate whose head has this pitch, degrees: what
// the strengths that a Sample's Raw asks for are meant to show. In patch units, as LipGap.
func JawGap(strength, pitch float64) float64 {
	lo, hi := 0., .1 // farther than any answers go
	for range 30 {   // jawStrength rises
		if mid := (lo + hi) / 2; jawStrength(mid, pitch) < strength {
			lo = mid
		} else {
			hi = mid
		}
	}
	return (lo + hi) / 2
}

// LipGap is the distance between the inner lips, in parts of the generator's patch: the mean of three places.
func (g *Geometry) LipGap() float64 { return g.opening().gap }

// strength is the unit's strength that gives the answer.
func (t answers) strength(answer float64) float64 {
	for i := 1; i < len(t); i++ {
		if a, b := t[i-1], t[i]; answer <= b.answer {
			return a.strength + (b.strength-a.strength)*max(0, answer-a.answer)/(b.answer-a.answer)
		}
	}
	return t[len(t)-1].strength
}

var parts = [...]struct {
	unit  int
	share float64
}{{1, .6}, {12, .5}, {14, .65}, {15, .55}} // smileOpen, stretch, lipUp, lipDown

// OtherLips is how far units besides mouthOpen part the lips of e, as a strength of mouthOpen.
func OtherLips(e *[appearance.Units]float64) (strength float64) {
	for _, p := range parts {
		strength += p.share * e[p.unit]
	}
	return strength
}

// PartsLips says that a unit besides mouthOpen parts the lips.
func PartsLips(unit int) bool {
	for _, p := range parts {
		if p.unit == unit {
			return true
		}
	}
	return false
}
