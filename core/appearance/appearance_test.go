package appearance

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestQuantizeIsIdempotentAndNear(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var raw Raw
		for i := range raw.Expression {
			raw.Expression[i] = r.Float64()
		}
		raw.GazeYaw, raw.GazePitch = (r.Float64()*2-1)*GazeLimit, (r.Float64()*2-1)*GazeLimit
		raw.Yaw, raw.Pitch = (r.Float64()*2-1)*YawLimit, (r.Float64()*2-1)*PitchLimit
		a := Quantize(raw)
		if b := Quantize(a.Values()); a != b || !a.Valid() {
			t.Fatalf("%+v is not on the grid: again %+v", a, b)
		}
		v := a.Values()
		for i := range raw.Expression {
			if d := math.Abs(v.Expression[i] - raw.Expression[i]); d > 0.5/float64(Levels(i)-1)+1e-9 {
				t.Fatalf("unit %d moved by %v", i, d)
			}
		}
		if math.Abs(v.Yaw-raw.Yaw) > PoseStep/2+1e-9 || math.Abs(v.GazePitch-raw.GazePitch) > GazeStep/2+1e-9 {
			t.Fatalf("angles moved: %+v %+v", raw, v)
		}
	}
}

func TestQuantizeClamps(t *testing.T) {
	a := Quantize(Raw{Yaw: 200, Pitch: -200, GazeYaw: 99, GazePitch: math.Inf(-1), Expression: [Units]float64{0: 7, 1: -3, 2: math.NaN()}})
	if a.Yaw != YawLimit || a.Pitch != -PitchLimit || a.GazeYaw != GazeLimit/GazeStep || a.GazePitch != -GazeLimit/GazeStep {
		t.Errorf("angles %+v", a)
	}
	if a.Expression[0] != UnitLevels-1 || a.Expression[1] != 0 || a.Expression[2] != 0 {
		t.Errorf("units %v", a.Expression)
	}
	if (Raw{Pitch: math.NaN()}).Finite() || (Raw{Expression: [Units]float64{3: math.Inf(1)}}).Finite() || !(Raw{}).Finite() {
		t.Error("Finite")
	}
	if (Appearance{Yaw: YawLimit + 1}).Valid() || (Appearance{Expression: [Units]uint8{UnitLevels}}).Valid() || (Appearance{Expression: [Units]uint8{MouthOpen: MouthLevels}}).Valid() {
		t.Error("a value outside the grid is valid")
	}
}

// I9: the number of bits follows from the declared grid: 16 units of 16 levels, 2×31 gaze, 151 yaw, 61 pitch.
func TestBits(t *testing.T) {
	if got, want := Bits(), 60+math.Log2(31)+2*math.Log2(31)+math.Log2(151)+math.Log2(61); math.Abs(got-want) > 1e-9 {
		t.Errorf("got %v, want %v", got, want)
	}
}
