package compositor

import (
	"math"

	"github.com/ksamenet/ksamenet/core/appearance"
)

// Where shoulders and breast lie: the cosine of the angle to the chin, and shares of the mean radius beyond the core's edge.
const (
	clothesDown = 0.6
	clothesFrom = 0.7
	clothesTo   = 1.4
)

func half(side float64) int {
	if side < 0 {
		return 0
	}
	return 1
}

// sides compares the halves of neck and ears, and those of the clothes. Only where both tell the same side, the weaker of the two
// counts: either alone may be a shadow, a scarf or a lapel.
func (s *scan) sides() (side, trust float64) {
	var ratio [2]float64
	trust = 1
	for i, h := range s.halves {
		l, r := h[0], h[1]
		if !(l.n > 0 && r.n > 0 && l.y > 0 && r.y > 0) {
			return 0, 0
		}
		ratio[i] = math.Log(r.y / r.n * l.n / l.y)
		trust = min(trust, 2*min(l.n, r.n)/(l.n+r.n))
	}
	if ratio[0]*ratio[1] <= 0 {
		return 0, trust
	}
	return math.Copysign(min(math.Abs(ratio[0]), math.Abs(ratio[1])), ratio[0]), trust
}

// Where a face turns away from the camera farther than this, the halves of its neck are no longer alike.
const maxLightYaw = 20.0

// Turned is s for a face of the given yaw, in degrees: beside a face in profile nothing is learnt of the light.
func (s Surround) Turned(yaw float64) Surround {
	if !(math.Abs(yaw) <= maxLightYaw) {
		s.Side, s.Sides = 0, 0
	}
	return s
}

// How bright one side must be against the other, as a natural logarithm, for the light to come from there: a third, and twice. On the
// clips the measure had the sign of the face's own halves in 9 of 12 tracks, and in all beyond 0.2; symmetric light gave up to 0.2.
const (
	sideLight  = 0.30
	hardSide   = 0.70
	leastSides = 1.5 // weight of all looks together
)

// Light is the light of a track or a shot, by all looks at its surroundings, on the generator's grid. Neutral unless the looks agree.
func Light(all []Surround) appearance.Light {
	var n, sum, square float64
	for _, s := range all {
		if w := s.Sides; s.Seen > 0 && w > 0 && !math.IsInf(s.Side+w, 0) && !math.IsNaN(s.Side+w) {
			n, sum, square = n+w, sum+w*s.Side, square+w*s.Side*s.Side
		}
	}
	if n < leastSides {
		return appearance.Light{}
	}
	mean := sum / n
	spread := math.Sqrt(max(0, square/n-mean*mean))
	sure := math.Abs(mean) - spread
	switch {
	case sure < sideLight:
		return appearance.Light{}
	case sure < hardSide:
		return appearance.QuantizeLight(math.Copysign(appearance.LightAzimuthStep, mean), appearance.LightElevation, 0)
	}
	return appearance.QuantizeLight(math.Copysign(2*appearance.LightAzimuthStep, mean), appearance.LightElevation, 0)
}
