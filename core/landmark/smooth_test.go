package landmark

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ksamenet/ksamenet/core/align"
)

const fps = 25

// track makes n samples at 25 fps of a face at (500, 300), 200 px.
func track(n int, change func(i int, s *Sample)) []Sample {
	t := make([]Sample, n)
	for i := range t {
		t[i] = Sample{PTS: time.Duration(i) * time.Second / fps, Presence: 1, Geometry: &Geometry{}, Placement: align.Placement{X: 500, Y: 300, Scale: 200}}
		change(i, &t[i])
	}
	return t
}

func clone(t []Sample) []Sample { return append([]Sample(nil), t...) }

func live(t []Sample) []Sample {
	var s Smoother
	out := clone(t)
	for i := range out {
		out[i] = s.Next(out[i])
	}
	return out
}

func TestSmoothingStillsJitter(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	in := track(200, func(i int, s *Sample) {
		s.Placement.X += r.NormFloat64() * 1
		s.Placement.Scale += r.NormFloat64() * 1
		s.Raw.Yaw = r.NormFloat64()
		s.Raw.Expression[2] = .03 * r.Float64()
	})
	spread := func(t []Sample, f func(Sample) float64) float64 {
		var a, b float64
		for _, s := range t[20:] {
			a, b = a+f(s), b+f(s)*f(s)
		}
		n := float64(len(t) - 20)
		return math.Sqrt(b/n - a*a/n/n)
	}
	file := clone(in)
	Smooth(file)
	for name, f := range map[string]func(Sample) float64{
		"x": func(s Sample) float64 { return s.Placement.X }, "scale": func(s Sample) float64 { return s.Placement.Scale },
		"yaw": func(s Sample) float64 { return s.Raw.Yaw }, "mouth": func(s Sample) float64 { return s.Raw.Expression[2] },
	} {
		before := spread(in, f)
		if got := spread(live(in), f); got > .65*before {
			t.Errorf("live: %s jitters by %.3f of %.3f", name, got, before)
		}
		if got := spread(file, f); got > .6*before {
			t.Errorf("file: %s jitters by %.3f of %.3f", name, got, before)
		}
	}
}

// Speech at five openings a second must keep its time and most of its size, or lips leave the sound.
func TestSmoothingKeepsSpeech(t *testing.T) {
	in := track(100, func(i int, s *Sample) {
		s.Raw.Expression[2] = .5 - .5*math.Cos(2*math.Pi*5*float64(i)/fps)
		if i%50 == 30 || i%50 == 31 || i%50 == 32 {
			s.Raw.Expression[3] = 1 // a blink of 0.12 s
		}
	})
	file := clone(in)
	Smooth(file)
	var own, before, after, power float64
	for i := 10; i < 89; i++ {
		v := file[i].Raw.Expression[2] - .5
		power += v * v
		own += v * (in[i].Raw.Expression[2] - .5)
		before += v * (in[i-1].Raw.Expression[2] - .5)
		after += v * (in[i+1].Raw.Expression[2] - .5)
	}
	if math.Abs(before-after) > .05*own {
		t.Errorf("file: speech is shifted: correlation %.2f a picture before, %.2f after, %.2f in place", before, after, own)
	}
	if size := math.Sqrt(power / 79 / .125); size < .75 {
		t.Errorf("file: speech shrinks to %.2f", size)
	}
	for i := 31; i < 100; i += 50 {
		if v := file[i].Raw.Expression[3]; v < .8 {
			t.Errorf("file: the blink at %d shrinks to %.2f", i, v)
		}
		if v := live(in)[i+1].Raw.Expression[3]; v < .8 {
			t.Errorf("live: the blink at %d shrinks to %.2f by its end", i, v)
		}
	}
}

func TestSmoothingStartsAnewAfterAGap(t *testing.T) {
	in := track(20, func(i int, s *Sample) {
		if i >= 10 {
			s.PTS += time.Second
			s.Placement.X = 100
		}
	})
	file := clone(in)
	Smooth(file)
	for name, out := range map[string][]Sample{"live": live(in), "file": file} {
		if out[9].Placement.X != 500 || out[10].Placement.X != 100 {
			t.Errorf("%s: around the gap X is %v and %v", name, out[9].Placement.X, out[10].Placement.X)
		}
	}
}

func TestSmoothingTurnsTheShortWay(t *testing.T) {
	in := track(30, func(i int, s *Sample) {
		s.Placement.Roll = math.Remainder(math.Pi-.15+.01*float64(i), 2*math.Pi)
	})
	file := clone(in)
	Smooth(file)
	for name, out := range map[string][]Sample{"live": live(in), "file": file} {
		for i := range out {
			if d := math.Abs(math.Remainder(out[i].Placement.Roll-in[i].Placement.Roll, 2*math.Pi)); d > .1 || math.Abs(out[i].Placement.Roll) > math.Pi+1e-9 {
				t.Fatalf("%s: sample %d: roll %v became %v", name, i, in[i].Placement.Roll, out[i].Placement.Roll)
			}
		}
	}
}
