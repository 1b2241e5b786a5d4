package compositor

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
)

// TestBlurMeasured draws discs of known blur, with and without noise, around a face, and asks for the blur.
func TestBlurMeasured(t *testing.T) {
	for _, sigma := range []float64{.5, .8, 1.2, 2, 3.5} {
		for _, noise := range []float64{0, 4} {
			t.Run(fmt.Sprintf("%v px, noise %v", sigma, noise), func(t *testing.T) {
				r := rand.New(rand.NewPCG(1, 1))
				p := frame.New(frame.Gray8, 400, 400)
				for y := range 400 {
					for x := range 400 {
						d := math.Hypot(float64(x)-200, float64(y)-200) - 110
						v := 60 + 120*.5*(1+math.Erf(d/(sigma*math.Sqrt2)))
						p.Planes[0].Data[y*400+x] = uint8(math.Round(v + noise*r.NormFloat64()))
					}
				}
				m, err := MeasureTone(p, placed(newPatch(32), 200, 200, 234, 0).Oval, 0, nil)
				if err != nil {
					t.Fatal(err)
				}
				if m.Blur < sigma*.7 || m.Blur > sigma*1.3 {
					t.Errorf("got %.2f", m.Blur)
				}
			})
		}
	}
	p := frame.New(frame.Gray8, 400, 400) // in focus on the left, out of focus on the right
	for y := range 400 {
		for x := range 400 {
			sigma := 1.
			if x > 200 {
				sigma = 5
			}
			p.Planes[0].Data[y*400+x] = uint8(60 + 120*.5*(1+math.Erf((math.Hypot(float64(x)-200, float64(y)-200)-110)/(sigma*math.Sqrt2))))
		}
	}
	if m, err := MeasureTone(p, placed(newPatch(32), 200, 200, 234, 0).Oval, 0, nil); err != nil || m.Blur > 1.6 {
		t.Errorf("a blur of 1 px before one of 5: got %.2f, %v", m.Blur, err)
	}
	flat := frame.New(frame.Gray8, 400, 400)
	if m, err := MeasureTone(flat, placed(newPatch(32), 200, 200, 234, 0).Oval, 0, nil); err != nil || m.Blur != 0 {
		t.Errorf("a flat picture has a blur of %v, %v", m.Blur, err)
	}
}

// TestSoften: the filter's variance is what was asked for, and its weights sum to 1.
func TestSoften(t *testing.T) {
	for _, sigma := range []float64{.4, 1, 2.3, 5} {
		const n = 81
		x := texture{w: n, h: n}
		for i := range x.planes {
			x.planes[i] = make([]float32, n*n)
			x.planes[i][n*n/2] = 1
		}
		x.soften(sigma)
		var sum, vx, vy float64
		for i, v := range x.planes[2] {
			sum += float64(v)
			vx += float64(v) * math.Pow(float64(i%n-n/2), 2)
			vy += float64(v) * math.Pow(float64(i/n-n/2), 2)
		}
		if math.Abs(sum-1) > 1e-4 || math.Abs(math.Sqrt(vx)-sigma) > .12*sigma+.03 || math.Abs(vx-vy) > 1e-3 {
			t.Errorf("sigma %v: sum %v, standard deviations %v and %v", sigma, sum, math.Sqrt(vx), math.Sqrt(vy))
		}
	}
}
