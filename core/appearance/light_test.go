package appearance

import (
	"math"
	"testing"
)

func TestLightGrid(t *testing.T) {
	seen := map[Light]bool{}
	for azimuth := -90.; azimuth <= 90; azimuth++ {
		for elevation := -10.; elevation <= 80; elevation++ {
			for _, strength := range []float64{-3, -1, -.6, 0, .4, .9, 2} {
				l := QuantizeLight(azimuth, elevation, strength)
				a, e := l.Degrees()
				if QuantizeLight(a, e, float64(l.Strength)) != l || !l.Valid() {
					t.Fatalf("%v %v %v: %+v is not on the grid", azimuth, elevation, strength, l)
				}
				if d := math.Abs(a - azimuth); d > LightAzimuthStep/2. && math.Abs(azimuth) < LightAzimuthStep*LightAzimuthLimit {
					t.Fatalf("azimuth %v became %v", azimuth, a)
				}
				seen[l] = true
			}
		}
	}
	if got := math.Log2(float64(len(seen))); math.Abs(got-LightBits()) > 1e-9 {
		t.Errorf("%d lights were reached, %v bits; declared %v", len(seen), got, LightBits())
	}
	if l := QuantizeLight(0, LightElevation, 0); l != (Light{}) {
		t.Errorf("the neutral light is %+v", l)
	}
	for _, v := range [][3]float64{{math.NaN(), 60, 1}, {50, math.NaN(), 1}, {50, 60, math.NaN()}, {math.Inf(1), math.Inf(-1), 0}} {
		if l := QuantizeLight(v[0], v[1], v[2]); l != (Light{}) && !math.IsInf(v[0], 0) {
			t.Errorf("%v is %+v", v, l)
		} else if !l.Valid() {
			t.Errorf("%v is off the grid: %+v", v, l)
		}
	}
	for _, l := range []Light{{Azimuth: 3}, {Elevation: -2}, {Strength: 2}} {
		if l.Valid() {
			t.Errorf("%+v is valid", l)
		}
	}
}
