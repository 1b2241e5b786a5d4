package tracker

import (
	"math"

	"github.com/ksamenet/ksamenet/core/frame"
)

// Noise of the motion model. Positions are in heights of the box, sizes in natural logarithms, time in frames.
// Measurement noise is that of SORT's successors (1/20 of the height; Wojke et al., ICIP 2017); process noise was set so
// that a face which starts to move at a tenth of its height per frame is followed within two frames.
const (
	noisePos       = 0.05
	noiseSize      = 0.05
	driftPos       = 0.03
	driftSize      = 0.006
	driftAspect    = 0.002
	startSpeedPos  = 0.3
	startSpeedSize = 0.02
)

// axis is one coordinate with its velocity: a Kalman filter of constant velocity driven by continuous white noise, so that
// one step of n frames equals n steps of one.
type axis struct {
	p, v       float64
	pp, pv, vv float64 // covariance
}

func (a *axis) predict(dt, q float64) {
	q *= q
	a.p += a.v * dt
	a.pp += dt*(2*a.pv+dt*a.vv) + q*dt*dt*dt/3
	a.pv += dt*a.vv + q*dt*dt/2
	a.vv += q * dt
}

func (a *axis) update(z, r float64) {
	s := a.pp + r*r
	kp, kv, y := a.pp/s, a.pv/s, z-a.p
	a.p += kp * y
	a.v += kv * y
	a.vv -= kv * a.pv
	a.pv -= kp * a.pv
	a.pp -= kp * a.pp
}

// motion is the state of a box: centre x, centre y, ln height, ln aspect. The four axes are independent, as in SORT's
// covariance; logarithms keep sizes positive.
type motion [4]axis

// coordinates are the four measured values of a box.
func coordinates(b frame.Rect) [4]float64 {
	c := b.Center()
	return [4]float64{c.X, c.Y, math.Log(b.H()), math.Log(b.W() / b.H())}
}

func boxOf(z [4]float64) frame.Rect {
	h := math.Exp(z[2])
	w := h * math.Exp(z[3])
	return frame.Rect{X0: z[0] - w/2, Y0: z[1] - h/2, X1: z[0] + w/2, Y1: z[1] + h/2}
}

// drift and noise are the standard deviations of process and measurement for a box of height h.
// A doubtful observation (low score) counts for less.
func drift(h float64) [4]float64 {
	return [4]float64{driftPos * h, driftPos * h, driftSize, driftAspect}
}
func noise(h, score float64) [4]float64 {
	k := 2 - score
	return [4]float64{k * noisePos * h, k * noisePos * h, k * noiseSize, k * noiseSize}
}

func newMotion(b frame.Rect, score float64) motion {
	z, r, h := coordinates(b), noise(b.H(), score), b.H()
	v := [4]float64{startSpeedPos * h, startSpeedPos * h, startSpeedSize, startSpeedSize / 2}
	var m motion
	for i := range m {
		m[i] = axis{p: z[i], pp: r[i] * r[i], vv: v[i] * v[i]}
	}
	return m
}

func (m *motion) height() float64 { return math.Exp(m[2].p) }

func (m *motion) predict(dt float64) {
	q := drift(m.height())
	for i := range m {
		m[i].predict(dt, q[i])
	}
}

func (m *motion) update(b frame.Rect, score float64) {
	z, r := coordinates(b), noise(b.H(), score)
	for i := range m {
		m[i].update(z[i], r[i])
	}
}

func (m *motion) box() frame.Rect {
	return boxOf([4]float64{m[0].p, m[1].p, m[2].p, m[3].p})
}

// spread is the standard deviation of the position in pixels.
func (m *motion) spread() float64 { return math.Sqrt((m[0].pp + m[1].pp) / 2) }

// holdSize stops growth and shrinking: without an observation a size that drifts on covers too little or far too much.
func (m *motion) holdSize() { m[2].v, m[3].v = 0, 0 }

// reupdate repairs the filter after a gap: it is replayed from its state at the last observation along a straight virtual
// path to the new one (OC-SORT, Cao et al., CVPR 2023, section 4.1), so that the error gathered while unseen is gone.
func (m *motion) reupdate(last motion, from, to frame.Rect, score float64, frames int64) {
	*m = last
	a, b := coordinates(from), coordinates(to)
	for i := int64(1); i <= frames; i++ {
		m.predict(1)
		m.update(boxOf(lerp4(a, b, float64(i)/float64(frames))), score)
	}
}

func lerp4(a, b [4]float64, f float64) [4]float64 {
	for i := range a {
		a[i] += (b[i] - a[i]) * f
	}
	return a
}
