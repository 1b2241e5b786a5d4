package landmark

import (
	"math"
	"testing"

	"github.com/ksamenet/ksamenet/core/appearance"
)

// face is the mean head with lips gap patch units apart and eyes open by eye of their width, turned by yaw degrees.
func face(t testing.TB, gap, eye, yaw float64) (g Geometry) {
	m := posed(head(t), 0, 0, 0, 1, 0, 0)
	for k, i := range watched {
		q := space(&m, i)
		for a := range 3 {
			g[3*k+a] = float32(q[a])
		}
	}
	apart := func(a, b int, d float64) {
		for k := range 3 {
			g[3*b+k] = g[3*a+k]
		}
		g[3*b+1] += float32(d)
	}
	for _, p := range lipPairs {
		apart(p[1], p[0], gap)
	}
	for _, e := range eyes {
		width := g.distance(e.contour, e.contour+farCorner)
		for _, p := range lidPairs {
			apart(e.contour+p[0], e.contour+p[1], eye*width)
		}
	}
	g[Coordinates] = float32(yaw / 60)
	return g
}

func TestOpening(t *testing.T) {
	g := face(t, .03, .25, 0)
	if o := g.opening(); math.Abs(o.gap-.03) > 1e-5 || math.Abs(o.eye-.25) > 1e-5 {
		t.Errorf("got %+v, want a gap of .03 and eyes of .25", o)
	}
	// Turned to the right edge, the eye on the picture's left is the nearer one.
	for i := range lidPairs {
		for k := range 3 {
			g[3*(eyes[1].contour+lidPairs[i][0])+k] = g[3*(eyes[1].contour+lidPairs[i][1])+k]
		}
	}
	for yaw, want := range map[float64]float64{30: .25, -30: 0, 0: .125} {
		g[Coordinates] = float32(yaw / 60)
		if o := g.opening(); math.Abs(o.eye-want) > .003 {
			t.Errorf("one eye shut, yaw %v: opening %.3f, want %.3f", yaw, o.eye, want)
		}
	}
}

func TestOpen(t *testing.T) {
	const smileOpen, lipUp = 1, 14
	r := rest{gap: .004, eye: .3}
	for _, tc := range []struct {
		name  string
		o     opening
		trust float64
		in    map[int]float64
		want  map[int]float64
	}{
		{"at rest everything closes", opening{gap: .004, eye: .3}, 1, map[int]float64{mouthOpen: .3, smileOpen: .5, eyeClose: .2, eyeOpen: .3, squint: .4}, nil},
		{"a noisy rest", opening{gap: .003, eye: .3 * .985}, 1, nil, nil},
		{"the jaw opens", opening{gap: .004 + .0475, eye: .3}, 1, nil, map[int]float64{mouthOpen: .533}},
		{"the smile's share is not opened twice", opening{gap: .004 + .0475, eye: .3}, 1, map[int]float64{smileOpen: .5}, map[int]float64{smileOpen: .5, mouthOpen: .533 - .3}},
		{"units that open too far give way alike", opening{gap: .004 + .0215, eye: .3}, 1, map[int]float64{smileOpen: .5, lipUp: .5}, map[int]float64{smileOpen: .2, lipUp: .2}},
		{"wide open", opening{gap: .3, eye: .3}, 1, nil, map[int]float64{mouthOpen: 1}},
		{"bent forward, the lips hide it", opening{gap: .004 + .0141, eye: .3, pitch: 25}, 1, nil, map[int]float64{mouthOpen: .333}},
		{"between two pitches", opening{gap: .004 + .0165, eye: .3, pitch: 10}, 1, nil, map[int]float64{mouthOpen: (.1963 + 2*.2370) / 3}},
		{"bent back farther than measured", opening{gap: .004 + .05, eye: .3, pitch: -60}, 1, nil, map[int]float64{mouthOpen: .733}},
		{"half trusted", opening{gap: .004 + .095, eye: .3}, .5, nil, map[int]float64{mouthOpen: .533}},
		{"half closed eyes", opening{gap: .004, eye: .3 * (1 - .2 - lidNoise)}, 1, nil, map[int]float64{eyeClose: .533}},
		{"a squint is part of it", opening{gap: .004, eye: .3 * (1 - .2 - lidNoise)}, 1, map[int]float64{squint: .2}, map[int]float64{squint: .2, eyeClose: .363}},
		{"a blink is no squint", opening{gap: .004, eye: .1}, 1, map[int]float64{squint: .6}, map[int]float64{eyeClose: 1}},
		{"wide eyes", opening{gap: .004, eye: .3 * (1 + .0775 + lidNoise)}, 1, map[int]float64{eyeClose: .3}, map[int]float64{eyeOpen: .5}},
		{"eyes without width", opening{gap: .004, eye: math.NaN()}, 1, map[int]float64{eyeClose: .3}, map[int]float64{eyeClose: .3}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var e, want [appearance.Units]float64
			for u, v := range tc.in {
				e[u] = v
			}
			for u, v := range tc.want {
				want[u] = v
			}
			tc.o.open(&e, r, tc.trust)
			for u := range e {
				if math.Abs(e[u]-want[u]) > .01 {
					t.Errorf("%s: got %.3f, want %.3f", appearance.UnitNames[u], e[u], want[u])
				}
			}
		})
	}
}

// A wider opening never gives a less open surrogate, or speech would stutter.
func TestOpenIsMonotone(t *testing.T) {
	for _, pitch := range []float64{-40, -20, -5, 0, 7, 20, 25} {
		last := [2]float64{-1, 2}
		for i := range 200 {
			var e [appearance.Units]float64
			e[1], e[14] = .4, .2
			opening{gap: .0006 * float64(i), eye: .0018 * float64(i), pitch: pitch}.open(&e, usualRest, 1)
			mouth, shut := e[mouthOpen]+.6*e[1]+.65*e[14], e[eyeClose]+squintShuts*e[squint]
			if mouth < last[0]-1e-9 || shut > last[1]+1e-9 {
				t.Fatalf("pitch %v, step %d: mouth %.3f after %.3f, lids %.3f after %.3f", pitch, i, mouth, last[0], shut, last[1])
			}
			last = [2]float64{mouth, shut}
		}
	}
}

// A person's own lids and lips must not count as expression, in files nor, after a while, in streams.
func TestOpeningsAreRelativeToTheTrack(t *testing.T) {
	tr := track(120, func(i int, s *Sample) {
		gap, eye := .007, .26
		if i%20 == 10 {
			gap, eye = .06, .08
		}
		s.Geometry = faced(t, gap, eye, 0)
	})
	if r := restOf(tr); math.Abs(r.gap-.007) > 1e-4 || math.Abs(r.eye-.26) > 1e-4 {
		t.Errorf("the rest is %+v, want .007 and .26", r)
	}
	if r := restOf(tr[10:11]); r.gap != maxRestGap || math.Abs(r.eye-.8*usualRest.eye) > 1e-9 {
		t.Errorf("the rest of an open mouth and shut eyes is %+v", r)
	}
	if r := restOf(nil); r != usualRest {
		t.Errorf("the rest of nobody is %+v", r)
	}
	p := NewOpener(head(t))
	for i := range tr {
		s, err := p.Next(tr[i])
		if err != nil {
			t.Fatal(err)
		}
		e := s.Raw.Expression
		if i%20 == 10 && (e[mouthOpen] < .5 || e[eyeClose] < .9) {
			t.Errorf("stream, picture %d: mouth %.2f, lids %.2f", i, e[mouthOpen], e[eyeClose])
		}
		if i%20 == 9 && (e[mouthOpen] > .1 || e[eyeClose] > .15) {
			t.Errorf("stream, at rest, picture %d: mouth %.2f, lids %.2f", i, e[mouthOpen], e[eyeClose])
		}
	}
}

// What a strength is meant to show is what asks for it.
func TestJawGap(t *testing.T) {
	for _, pitch := range []float64{-40, -20, 0, 7, 25, 40} {
		for _, strength := range []float64{0, .1, .3, .6, .95} {
			if got := jawStrength(JawGap(strength, pitch), pitch); math.Abs(got-strength) > 1e-6 {
				t.Errorf("pitch %v: a gap of %.4f asks for %.4f, want %v", pitch, JawGap(strength, pitch), got, strength)
			}
		}
	}
	g := face(t, .03, .25, 0)
	if got := g.LipGap(); math.Abs(got-.03) > 1e-5 {
		t.Errorf("the gap is %v, want .03", got)
	}
}
