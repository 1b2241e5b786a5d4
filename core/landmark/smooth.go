package landmark

import (
	"math"
	"time"

	"github.com/ksamenet/ksamenet/core/appearance"
)

// oneEuro is a low-pass whose cut-off rises with speed, so that a still face stands still and a blink is not delayed.
// Source: Casiez, Roussel, Vogel, "1€ Filter", CHI 2012, section 3.
type oneEuro struct {
	value, speed float64
	begun        bool
}

// tuning holds the cut-off of a still signal, Hz, and how much a speed of one unit a second adds to it.
type tuning struct{ cutoff, beta float64 }

// speedCutoff, Hz, smooths the speed that steers the cut-off (the paper's dcutoff).
const speedCutoff = 4

// next filters v, dt seconds after the last value; speeds count in unit.
func (f *oneEuro) next(v, dt, unit float64, t tuning) float64 {
	if !f.begun {
		f.begun, f.value = true, v
		return v
	}
	f.speed += weight(speedCutoff, dt) * ((v-f.value)/(dt*unit) - f.speed)
	f.value += weight(t.cutoff+t.beta*math.Abs(f.speed), dt) * (v - f.value)
	return f.value
}

// weight is the step of a first-order low-pass.
func weight(cutoff, dt float64) float64 {
	r := 2 * math.Pi * cutoff * dt
	return r / (r + 1)
}

// Tunings. A standing speaker's points move by 1.2 % of the eye distance a frame, most of it the mesh's jitter. Speech
// opens the mouth up to six times a second and a blink lasts 0.1 s, a speed of 10 units: units get quick filters.
var (
	tuneUnit  = tuning{3, 3.5}   // 0..1
	tuneGaze  = tuning{1.5, .05} // degrees
	tunePose  = tuning{1.5, .12} // degrees
	tunePlace = tuning{1, 8}     // patch sides
	tuneScale = tuning{.5, 4}    // logarithm
	tuneRoll  = tuning{.7, 6}    // radians
)

// maxGap is the pause after which a filter starts anew.
const maxGap = 400 * time.Millisecond

// Smoother filters one track as it comes, for streams: quick movements pass with little delay. The zero value is ready.
type Smoother struct {
	units       [appearance.Units]oneEuro
	gaze, pose  [2]oneEuro
	x, y        oneEuro
	scale, roll oneEuro
	last        time.Duration
	begun       bool
}

// Next filters Raw and Placement of the track's next sample; the rest passes. A pause of more than 0.4 s, or a step back
// in time, starts the filter anew.
func (s *Smoother) Next(in Sample) Sample { return s.next(in, (in.PTS - s.last).Seconds()) }

func (s *Smoother) next(in Sample, dt float64) Sample {
	if !s.begun || dt <= 0 || dt > maxGap.Seconds() {
		*s = Smoother{begun: true}
	}
	s.last = in.PTS
	for i, v := range in.Raw.Expression {
		in.Raw.Expression[i] = s.units[i].next(v, dt, 1, tuneUnit)
	}
	r, p := &in.Raw, &in.Placement
	r.GazeYaw, r.GazePitch = s.gaze[0].next(r.GazeYaw, dt, 1, tuneGaze), s.gaze[1].next(r.GazePitch, dt, 1, tuneGaze)
	r.Yaw, r.Pitch = s.pose[0].next(r.Yaw, dt, 1, tunePose), s.pose[1].next(r.Pitch, dt, 1, tunePose)
	p.X, p.Y = s.x.next(p.X, dt, p.Scale, tunePlace), s.y.next(p.Y, dt, p.Scale, tunePlace)
	p.Scale = math.Exp(s.scale.next(math.Log(p.Scale), dt, 1, tuneScale))
	p.Roll = math.Remainder(s.roll.next(nearest(p.Roll, s.roll), dt, 1, tuneRoll), 2*math.Pi)
	return in
}

// nearest adds the whole turns to angle that bring it next to the filter's value.
func nearest(angle float64, f oneEuro) float64 {
	if !f.begun {
		return angle
	}
	return angle + 2*math.Pi*math.Round((f.value-angle)/(2*math.Pi))
}

// Smooth filters a whole track in place, for files: the mean of a pass forwards and a pass backwards has no delay, so lips
// stay with the sound. Samples are in order of PTS.
func Smooth(track []Sample) {
	back := make([]Sample, len(track))
	var s Smoother
	for i := len(track) - 1; i >= 0; i-- {
		back[i] = s.next(track[i], (s.last - track[i].PTS).Seconds())
	}
	s = Smoother{}
	for i := range track {
		track[i] = mean(s.Next(track[i]), back[i])
	}
}

func mean(a, b Sample) Sample {
	half := func(v *float64, w float64) { *v = (*v + w) / 2 }
	for i := range a.Raw.Expression {
		half(&a.Raw.Expression[i], b.Raw.Expression[i])
	}
	half(&a.Raw.GazeYaw, b.Raw.GazeYaw)
	half(&a.Raw.GazePitch, b.Raw.GazePitch)
	half(&a.Raw.Yaw, b.Raw.Yaw)
	half(&a.Raw.Pitch, b.Raw.Pitch)
	half(&a.Placement.X, b.Placement.X)
	half(&a.Placement.Y, b.Placement.Y)
	half(&a.Placement.Roll, nearest(b.Placement.Roll, oneEuro{value: a.Placement.Roll, begun: true}))
	a.Placement.Roll = math.Remainder(a.Placement.Roll, 2*math.Pi)
	a.Placement.Scale = math.Sqrt(a.Placement.Scale * b.Placement.Scale)
	return a
}
