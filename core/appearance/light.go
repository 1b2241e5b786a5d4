package appearance

import "math"

// Light is the light that a face is rendered in, quantised. It is measured outside the face (its surroundings, over a whole
// shot), never inside, and stands still for a face through a shot. The zero value is the neutral light: a soft key light
// from the front and above. It is comparable: equal values give equal surrogates.
//
// Brightness and colour are no part of it: the compositor matches those to the shot.
type Light struct {
	Azimuth   int8 `json:"a,omitempty"` // of the key light, steps of LightAzimuthStep degrees; > 0: from the right edge of the picture
	Elevation int8 `json:"e,omitempty"` // steps of LightElevationStep degrees from LightElevation; > 0: from higher up
	Strength  int8 `json:"s,omitempty"` // of the key light against the fill: -1 soft, 0 neutral, 1 hard
}

// The declared grid of the light: few and wide steps inside what the generator was trained on (training/renderer/light.py).
// An angle is as coarse as an estimate from a background can be trusted.
const (
	LightAzimuthStep    = 25 // degrees
	LightAzimuthLimit   = 2  // steps, both directions
	LightElevation      = 32 // degrees, of the neutral light
	LightElevationStep  = 18 // degrees
	LightElevationLimit = 1  // steps, both directions
	LightStrengthLimit  = 1  // steps, both directions
	lightLevels         = (2*LightAzimuthLimit + 1) * (2*LightElevationLimit + 1) * (2*LightStrengthLimit + 1)
)

// QuantizeLight rounds a light to the declared grid, clamping to its limits: the key light's azimuth and elevation in
// degrees, and its strength, -1 soft to 1 hard. A value that is not a number is the neutral light.
func QuantizeLight(azimuth, elevation, strength float64) Light {
	if math.IsNaN(azimuth + elevation + strength) {
		return Light{}
	}
	return Light{
		Azimuth:   int8(round(azimuth/LightAzimuthStep, -LightAzimuthLimit, LightAzimuthLimit)),
		Elevation: int8(round((elevation-LightElevation)/LightElevationStep, -LightElevationLimit, LightElevationLimit)),
		Strength:  int8(round(strength, -LightStrengthLimit, LightStrengthLimit)),
	}
}

// Degrees are the key light's azimuth and elevation.
func (l Light) Degrees() (azimuth, elevation float64) {
	return float64(l.Azimuth) * LightAzimuthStep, LightElevation + float64(l.Elevation)*LightElevationStep
}

// Valid says that l lies on the grid (a decision list is edited by hand).
func (l Light) Valid() bool {
	a, e := l.Degrees()
	return l == QuantizeLight(a, e, float64(l.Strength))
}

// LightBits is the upper bound of information one light carries: log2 of the number of grid points (invariant I9).
func LightBits() float64 { return math.Log2(lightLevels) }
