package generator

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/models"
)

// The network is given the very numbers that its training pictures were labelled with (testdata/make_lights.py).
func TestLightsAreTheTrainersLabels(t *testing.T) {
	b, err := os.ReadFile("testdata/lights.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		Azimuth, Elevation, Strength int8
		Label                        [lightSize]float64
	}
	if err := json.Unmarshal(b, &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(lights()) || math.Abs(math.Log2(float64(len(rows)))-appearance.LightBits()) > 1e-9 {
		t.Fatalf("%d labels, %d lights, %v bits declared", len(rows), len(lights()), appearance.LightBits())
	}
	distinct := map[lightInput]bool{}
	for _, r := range rows {
		l := appearance.Light{Azimuth: r.Azimuth, Elevation: r.Elevation, Strength: r.Strength}
		got := lights()[l]
		if got == nil {
			t.Fatalf("no light %+v", l)
		}
		for i, want := range r.Label {
			if d := math.Abs(float64(got[i]) - want); !(d <= 6e-5) { // half of the rounding, and float32 sums in the trainer
				t.Errorf("%+v: value %d is %v, the trainer's is %v", l, i, got[i], want)
			}
		}
		distinct[*got] = true
	}
	if len(distinct) != len(rows) {
		t.Errorf("%d of %d lights differ", len(distinct), len(rows))
	}
}

// The zero Light is the one that head.json calls neutral.
func TestZeroLightIsNeutral(t *testing.T) {
	b, err := models.File("generator", "head.json")
	if err != nil {
		t.Fatal(err)
	}
	var head struct {
		Neutral [lightSize]float64 `json:"neutral_light"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		t.Fatal(err)
	}
	for i, want := range head.Neutral {
		if got := lights()[appearance.Light{}][i]; math.Abs(float64(got)-want) > 6e-5 {
			t.Errorf("value %d is %v, want %v", i, got, want)
		}
	}
}
