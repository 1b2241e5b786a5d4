package generator

import (
	"math"
	"sync"

	"github.com/ksamenet/ksamenet/core/appearance"
)

// lightSize is the number of values of the light input; lightInput is one.
const lightSize = 12

type lightInput [lightSize]float32

// lights holds the network's input of every light of the grid. It is computed as the training renderer computes its labels
// (training/renderer/light.py: make, Light.label), and rounded, so that every machine has the same values.
var lights = sync.OnceValue(func() map[appearance.Light]*lightInput {
	key, fill := strengths(0)
	neutral := radiance(0, appearance.LightElevation, key, fill)
	all := map[appearance.Light]*lightInput{}
	for a := int8(-appearance.LightAzimuthLimit); a <= appearance.LightAzimuthLimit; a++ {
		for e := int8(-appearance.LightElevationLimit); e <= appearance.LightElevationLimit; e++ {
			for s := int8(-appearance.LightStrengthLimit); s <= appearance.LightStrengthLimit; s++ {
				l := appearance.Light{Azimuth: a, Elevation: e, Strength: s}
				key, fill := strengths(s)
				azimuth, elevation := l.Degrees()
				all[l] = label(radiance(azimuth, elevation, key, fill), luminance(neutral[0]))
			}
		}
	}
	return all
})

// strengths are the key light and the fill of a level, at the ends of what the network was trained on for the outer two.
func strengths(level int8) (key, fill float64) {
	switch {
	case level < 0:
		return .5, .95
	case level > 0:
		return 1.25, .6
	}
	return .95, .8
}

type rgb [3]float64

// luminance is Rec. 709's.
func luminance(c rgb) float64 { return .2126*c[0] + .7152*c[1] + .0722*c[2] }

// tint is the colour of a light source of a temperature, roughly a black body's, with luminance 1.
func tint(kelvin float64) rgb {
	t := (kelvin - 6500) / 3500
	c := rgb{1 - .20*t, 1 - .02*t, 1 + .32*t}
	for i := range c {
		c[i] = min(1.8, max(.35, c[i]))
	}
	y := luminance(c)
	return rgb{c[0] / y, c[1] / y, c[2] / y}
}

// direction is a unit vector in camera space: x to the right of the picture, y up, z towards the camera. Degrees.
func direction(azimuth, elevation float64) [3]float64 {
	a, e := azimuth*math.Pi/180, elevation*math.Pi/180
	return [3]float64{math.Sin(a) * math.Cos(e), math.Sin(e), math.Cos(a) * math.Cos(e)}
}

// harmonics are the nine real spherical harmonics of order 0 to 2 at a unit vector, in the order
// 1, y, z, x, xy, yz, 3z²-1, xz, x²-y² (Ramamoorthi and Hanrahan 2001, equation 3).
func harmonics(d [3]float64) [9]float64 {
	x, y, z := d[0], d[1], d[2]
	return [9]float64{.282095, .488603 * y, .488603 * z, .488603 * x, 1.092548 * x * y, 1.092548 * y * z,
		.315392 * (3*z*z - 1), 1.092548 * x * z, .546274 * (x*x - y*y)}
}

// radiance are the spherical harmonics of a key light over an environment that fades from sky to ground, with two soft
// lobes to the left and right above the camera. The environment is sampled on a Fibonacci sphere.
func radiance(azimuth, elevation, key, fill float64) (sh [9]rgb) {
	const (
		samples   = 48
		ground    = .45
		sharpness = 6
		lobe      = .55
	)
	sky, sun := tint(6500), tint(6000)
	below := rgb{1.04, 1, .95}
	for i := range samples {
		phi, theta := math.Acos(1-2*(float64(i)+.5)/samples), math.Pi*(1+math.Sqrt(5))*(float64(i)+.5)
		d := [3]float64{math.Cos(theta) * math.Sin(phi), math.Cos(phi), math.Sin(theta) * math.Sin(phi)}
		up, lobes := d[1]*.5+.5, 0.
		for _, side := range []float64{-50, 50} {
			l := direction(side, 25)
			lobes += lobe * math.Exp(sharpness*(d[0]*l[0]+d[1]*l[1]+d[2]*l[2]-1))
		}
		basis := harmonics(d)
		for c := range sky {
			v := fill * sky[c] * (up + (1-up)*below[c]*ground + lobes) * 4 * math.Pi / samples
			for j := range sh {
				sh[j][c] += basis[j] * v
			}
		}
	}
	for j, b := range harmonics(direction(azimuth, elevation)) {
		for c := range sun {
			sh[j][c] += .5 * math.Pi * b * sun[c] * key
		}
	}
	return sh
}

// label turns a light into the network's input: 0: log(Y0 / Y0 of the neutral light); 1 to 8: Yi / Y0; 9 to 11:
// log(L0 / Y0) in red, green and blue, with L the harmonics and Y their luminance.
func label(sh [9]rgb, neutral float64) *lightInput {
	in, y0 := &lightInput{}, luminance(sh[0])
	set := func(i int, v float64) { in[i] = float32(math.Round(v*1e4) / 1e4) }
	set(0, math.Log(y0/neutral))
	for j := 1; j < len(sh); j++ {
		set(j, luminance(sh[j])/y0)
	}
	for c := range sh[0] {
		set(9+c, math.Log(sh[0][c]/y0))
	}
	return in
}
