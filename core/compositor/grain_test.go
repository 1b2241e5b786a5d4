package compositor

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
)

// noisy is a grey picture under noise of the given deviation, in codes, with a step edge and stripes.
func noisy(sigma float64) *frame.Picture {
	r := rand.New(rand.NewPCG(3, 3))
	p := frame.New(frame.I420, 300, 300)
	for i := range p.Planes {
		for j := range p.Planes[i].Data {
			v := 128.
			if i == 0 {
				x, y := j%300, j/300
				if v = 90; x > 150 {
					v = 160
				}
				if y > 250 && x%6 < 3 {
					v += 30
				}
				v += sigma * r.NormFloat64()
			}
			p.Planes[i].Data[j] = byte(math.Round(v))
		}
	}
	return p
}

// TestGrain: the noise around the face is measured, and the surrogate gets as much of it; none where there is none.
func TestGrain(t *testing.T) {
	for _, sigma := range []float64{0, 2, 4, 8} {
		t.Run(fmt.Sprint(sigma), func(t *testing.T) {
			p := noisy(sigma)
			s := placed(flatPatch(64, 140, 140, 140), 150, 140, 140, 0)
			m, err := MeasureTone(p, s.Oval, 0, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := m.Grain * 219; math.Abs(got-sigma) > .3*sigma+.01 {
				t.Errorf("measured %.2f", got)
			}
			s.Tone = m.Tone()
			if _, err := New().Compose(p, s); err != nil {
				t.Fatal(err)
			}
			var sum, square float64
			for y := 120; y < 160; y++ {
				for x := 130; x < 170; x++ {
					v := float64(get(p, 0, x, y))
					sum, square = sum+v/1600, square+v*v/1600
				}
			}
			if got := math.Sqrt(max(0, square-sum*sum)); math.Abs(got-sigma) > .4*sigma+.5 {
				t.Errorf("the surrogate's noise is %.2f", got)
			}
		})
	}
}

// TestGrainIsDeterministic: the same picture number gives the same grain, another one another; neither hangs on the source.
func TestGrainIsDeterministic(t *testing.T) {
	paint := func(seed uint64, background byte) []byte {
		p := frame.New(frame.Gray8, 200, 200)
		for i := range p.Planes[0].Data {
			p.Planes[0].Data[i] = background
		}
		s := placed(flatPatch(64, 140, 140, 140), 100, 100, 120, 0)
		s.Tone, s.Seed = Tone{Luma: 30, Grain: 4}, seed
		if _, err := New().Compose(p, s); err != nil {
			t.Fatal(err)
		}
		var core []byte
		for y := 80; y < 120; y++ {
			core = append(core, p.Planes[0].Data[y*200+80:y*200+120]...)
		}
		return core
	}
	if !bytes.Equal(paint(7, 0), paint(7, 200)) {
		t.Error("the grain hangs on the source")
	}
	if bytes.Equal(paint(7, 0), paint(8, 0)) {
		t.Error("two pictures have the same grain")
	}
}
