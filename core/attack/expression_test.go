package attack

import (
	"testing"

	"github.com/ksamenet/ksamenet/core/appearance"
)

func units(pairs ...any) (u [appearance.Units]float64) {
	for i := 0; i < len(pairs); i += 2 {
		u[unitAt[pairs[i].(string)]] = pairs[i+1].(float64)
	}
	return u
}

func TestClassify(t *testing.T) {
	for _, tc := range []struct {
		want  string
		units [appearance.Units]float64
	}{
		{"neutral", units()},
		{"neutral", units("smileOpen", .25, "browDown", .2)},
		{"happiness", units("smileOpen", .8, "squint", .4, "mouthOpen", .3)},
		{"happiness", units("smileClose", .6)},
		{"surprise", units("browUp", .8, "mouthOpen", .6, "eyeOpen", .5)},
		{"sadness", units("mouthSad", .7, "browSad", .6)},
		{"anger", units("browDown", .9, "squint", .4)},
		{"disgust", units("disgust", .8, "browDown", .4)},
		{"fear", units("stretch", .8, "browSad", .6, "eyeOpen", .7)},
		{"neutral", units("eyeClose", 1., "mouthOpen", .5)}, // a blink and a word
	} {
		if got := Classes[classify(tc.units)]; got != tc.want {
			t.Errorf("%v is %s, want %s", tc.units, got, tc.want)
		}
	}
}

// A person whose face is a little glad at rest is neutral at rest; both sides are held against their own rest.
func TestExpressionAgreement(t *testing.T) {
	play := func(bias float64, peak string) func(i int) performance {
		return func(i int) (p performance) {
			e := &p.sample.Raw.Expression
			*e = units("smileOpen", bias)
			if i >= 12 {
				e[unitAt[peak]] += .9
			}
			return p
		}
	}
	same := acting(20, play(.4, "smileOpen"), play(0, "smileOpen"))
	same.tracks[1].label = "happiness"
	other := acting(20, play(.2, "smileOpen"), play(.2, "browDown"))
	other.tracks[1].label = "happiness"
	e := measure(t, same, other).Expressions
	if e == nil || e.Pictures != 40 {
		t.Fatalf("got %+v", e)
	}
	if e.Agreement != 32./40 || e.Balanced != .75 || e.Labelled != 2 || e.Original != 1 || e.Output != .5 {
		t.Errorf("got %+v", e)
	}
	if c := e.Classes[1]; c.Class != "happiness" || c.Original != 16 || c.Both != 8 || c.Agreement != .5 || c.LabelOutput != 1 {
		t.Errorf("happiness: %+v", c)
	}
	if !(e.Kappa > .5 && e.Kappa < e.Agreement) {
		t.Errorf("kappa %v", e.Kappa)
	}
	if c := e.Classes[4]; c.Class != "anger" || c.Original != 0 || c.Output != 8 {
		t.Errorf("anger: %+v", c)
	}
}
