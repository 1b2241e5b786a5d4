package attack

import (
	"context"
	"math"

	"github.com/ksamenet/ksamenet/core/appearance"
)

// Utility says how much of the performances survived. Rates and correlations are over replaced faces only.
type Utility struct {
	Tracks   int     `json:"tracks"`
	Faces    int     `json:"faces"`    // replaced faces, counted a picture
	Measured int     `json:"measured"` // of them, with a mesh on both sides
	Cut      int     `json:"cut"`      // of them, cut by the picture's edge in the original: not measured
	Mouth    Channel `json:"mouth"`    // opening
	Blink    Channel `json:"blink"`    // opening of the eyes
	Yaw      Channel `json:"yaw"`
	Pitch    Channel `json:"pitch"`
	// Landmarks is the temporal landmark correlation: of each coordinate of the 468 face points over a track, freed of
	// position, size and roll, the correlation of output and original; their mean. Weighted counts each coordinate by how
	// much it moves in the original, so that the mesh's noise on points that stand still does not count.
	Landmarks         float64 `json:"landmarks"`
	LandmarksWeighted float64 `json:"landmarks_weighted"`
	// LandmarksPicture is the same of the points' places in the picture: what a viewer sees move, head motion included.
	LandmarksPicture float64            `json:"landmarks_picture"`
	Units            map[string]Channel `json:"units"`      // expression units that moved
	PoseError        PoseError          `json:"pose_error"` // degrees, mean absolute
	Detection        []Detection        `json:"detection"`
	Flicker          Flicker            `json:"flicker"`
	Expressions      *Expressions       `json:"expressions,omitempty"` // classes
	PerTrack         []TrackUtility     `json:"per_track"`
}

// Channel is the correlation of one measure between original and output, over time. Tracks whose original hardly moves
// (Least) say nothing and are left out; each other one counts by its pictures.
type Channel struct {
	Correlation float64 `json:"correlation"` // 0 when no track moved
	Tracks      int     `json:"tracks"`
	Least       float64 `json:"least"` // standard deviation that a track must have
}

// PoseError is the mean absolute difference of the head's pose, degrees.
type PoseError struct {
	Yaw   float64 `json:"yaw"`
	Pitch float64 `json:"pitch"`
	Roll  float64 `json:"roll"`
}

// Detection is how many of the faces one detector sees on either side.
type Detection struct {
	Detector string  `json:"detector"`
	Original float64 `json:"original"` // share of the faces
	Output   float64 `json:"output"`
	Ratio    float64 `json:"ratio"` // Output / Original; 0 when it sees none of the original's
}

// Flicker is the warp error inside the faces, grey levels of 255.
type Flicker struct {
	Original float64 `json:"original"`
	Output   float64 `json:"output"`
	Added    float64 `json:"added"` // Output − Original
}

// TrackUtility is one track's share, for finding what went wrong.
type TrackUtility struct {
	Track     int     `json:"track"`
	Pictures  int     `json:"pictures"` // measured on both sides
	Mouth     Moved   `json:"mouth"`
	Blink     Moved   `json:"blink"`
	Yaw       Moved   `json:"yaw"`
	Pitch     Moved   `json:"pitch"`
	Landmarks float64 `json:"landmarks"`
	Weighted  float64 `json:"landmarks_weighted"`
	Picture   float64 `json:"landmarks_picture"`
	Flicker   float64 `json:"flicker_added"`
}

// Moved is a correlation with the standard deviations of both sides.
type Moved struct {
	Correlation float64 `json:"r"`
	Original    float64 `json:"sd_original"`
	Output      float64 `json:"sd_output"`
}

// Least motion, as standard deviations, below which a channel holds the mesh's noise more than a performance. Measured by
// recompressing originals (x264, crf 18), which moves nothing: clips with faces of 55 to 110 px, each read by five looks. A mouth of .0064
// and more still reached .97, others .92 (.0010) and .40 (.0030, a turned face with glasses); a yaw of 1.3° .97. Eyes of .010 to .015 reached
// .92 to .96, but those are lids that follow the gaze: one blink in a hundred pictures makes .03.
const (
	leastMouth = .005
	leastEyes  = .03
	leastAngle = 2.
	leastUnit  = .06
	// leastPictures is most of a second: fewer pictures give correlations by chance.
	leastPictures = 20
)

// channel gathers a Channel.
type channel struct{ sum, n float64 }

func (c *channel) add(m Moved, pictures int, least float64, to *Channel) {
	to.Least = least
	if m.Original < least || pictures < leastPictures {
		return
	}
	c.take(m.Correlation, pictures)
	to.Tracks, to.Correlation = to.Tracks+1, c.mean()
}

func (c *channel) take(v float64, pictures int) {
	c.sum, c.n = c.sum+v*float64(pictures), c.n+float64(pictures)
}

func (c *channel) mean() float64 { return ratio(c.sum, c.n) }

// Measure is the utility over all watched pairs. Errors: the networks', ctx's.
func Measure(ctx context.Context, all ...*Watcher) (Utility, error) {
	u := Utility{Units: map[string]Channel{}}
	var mouth, blink, yaw, pitch, land, weighted, picture channel
	units := map[string]*channel{}
	found := [sides][]int{make([]int, len(Detectors)), make([]int, len(Detectors))}
	var flick [sides]float64
	flicks := 0
	var shown []*track
	for _, w := range all {
		for _, id := range w.order {
			t := w.tracks[id]
			if t.shown == 0 {
				continue
			}
			if err := t.calibrate(ctx, w.eyes.mesh); err != nil {
				return u, err
			}
			u.Tracks++
			shown = append(shown, t)
			u.Faces += t.shown
			u.Measured += len(t.both)
			u.Cut += t.cut
			for side := range found {
				for i, n := range t.found[side] {
					found[side][i] += n
				}
				flick[side] += t.flick.sum[side]
			}
			flicks += t.flick.n
			if len(t.both) == 0 {
				continue
			}
			n := len(t.both)
			s := TrackUtility{Track: id, Pictures: n}
			s.Mouth = t.moved(func(p *performance) float64 { return p.mouth })
			s.Blink = t.moved(func(p *performance) float64 { return p.eyes })
			s.Yaw = t.moved(func(p *performance) float64 { return p.yaw })
			s.Pitch = t.moved(func(p *performance) float64 { return p.pitch })
			mouth.add(s.Mouth, n, leastMouth, &u.Mouth)
			blink.add(s.Blink, n, leastEyes, &u.Blink)
			yaw.add(s.Yaw, n, leastAngle, &u.Yaw)
			pitch.add(s.Pitch, n, leastAngle, &u.Pitch)
			for i, name := range appearance.UnitNames {
				m := t.moved(func(p *performance) float64 { return p.units[i] })
				if units[name] == nil {
					units[name] = &channel{}
				}
				c := u.Units[name]
				units[name].add(m, n, leastUnit, &c)
				u.Units[name] = c
			}
			if n >= leastPictures {
				s.Landmarks, s.Weighted = t.landmarks(func(p *performance) []float32 { return p.points[:] })
				s.Picture, _ = t.landmarks(func(p *performance) []float32 { return p.places[:] })
				land.take(s.Landmarks, n)
				weighted.take(s.Weighted, n)
				picture.take(s.Picture, n)
			}
			if t.flick.n > 0 {
				s.Flicker = (t.flick.sum[Output] - t.flick.sum[Original]) / float64(t.flick.n)
			}
			for _, b := range t.both {
				p, q := &b.face[Original], &b.face[Output]
				u.PoseError.Yaw += math.Abs(p.yaw - q.yaw)
				u.PoseError.Pitch += math.Abs(p.pitch - q.pitch)
				u.PoseError.Roll += math.Abs(math.Remainder(p.roll-q.roll, 360))
			}
			u.PerTrack = append(u.PerTrack, s)
		}
	}
	u.Expressions = expressions(shown)
	for name, c := range u.Units {
		if c.Tracks == 0 {
			delete(u.Units, name)
		}
	}
	if n := float64(u.Measured); n > 0 {
		u.PoseError.Yaw, u.PoseError.Pitch, u.PoseError.Roll = u.PoseError.Yaw/n, u.PoseError.Pitch/n, u.PoseError.Roll/n
	}
	u.Landmarks, u.LandmarksWeighted, u.LandmarksPicture = land.mean(), weighted.mean(), picture.mean()
	for i, name := range Detectors {
		d := Detection{Detector: name, Original: ratio(float64(found[Original][i]), float64(u.Faces)), Output: ratio(float64(found[Output][i]), float64(u.Faces))}
		d.Ratio = ratio(d.Output, d.Original)
		u.Detection = append(u.Detection, d)
	}
	u.Flicker = Flicker{Original: ratio(flick[Original], float64(flicks)), Output: ratio(flick[Output], float64(flicks))}
	u.Flicker.Added = u.Flicker.Output - u.Flicker.Original
	return u, nil
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// moved correlates one measure over the track.
func (t *track) moved(of func(*performance) float64) Moved {
	var v [sides][]float64
	for i := range t.both {
		for side := range v {
			v[side] = append(v[side], of(&t.both[i].face[side]))
		}
	}
	r, a, b := correlate(v[Original], v[Output])
	return Moved{Correlation: r, Original: a, Output: b}
}

// landmarks is the temporal landmark correlation, plain and weighted by motion.
func (t *track) landmarks(of func(*performance) []float32) (plain, weighted float64) {
	var a, b []float64
	var sum, by, weights float64
	for d := range 2 * shapePoints {
		a, b = a[:0], b[:0]
		for i := range t.both {
			a, b = append(a, float64(of(&t.both[i].face[Original])[d])), append(b, float64(of(&t.both[i].face[Output])[d]))
		}
		r, sd, _ := correlate(a, b)
		sum += r
		by += r * sd * sd
		weights += sd * sd
	}
	return sum / (2 * shapePoints), ratio(by, weights)
}

// correlate is Pearson's correlation of a and b, and their standard deviations. One that does not move at all has none: 0.
func correlate(a, b []float64) (r, sa, sb float64) {
	n := float64(len(a))
	var ma, mb, aa, bb, ab float64
	for i := range a {
		ma, mb = ma+a[i]/n, mb+b[i]/n
	}
	for i := range a {
		x, y := a[i]-ma, b[i]-mb
		aa, bb, ab = aa+x*x, bb+y*y, ab+x*y
	}
	return ratio(ab, math.Sqrt(aa*bb)), math.Sqrt(ratio(aa, n)), math.Sqrt(ratio(bb, n))
}
