package tracker

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
)

// person is one face of a synthetic scene: a path, and when the detector misses it.
type person struct {
	from, to int // frames in which the face is there, to exclusive
	box      func(i int) frame.Rect
	missed   func(i int) bool
	score    func(i int) float64
}

// scene is a shot list with ground truth. Everything random in it comes from seed.
type scene struct {
	frames  int
	cuts    []int
	people  []person
	jitter  float64 // standard deviation of the detector, in heights
	strays  int     // one-frame false alarms over the scene
	shake   func(i int) frame.Point
	stride  int // the detector looks every stride-th frame; 0 is 1
	seed    uint64
	hideIoU float64 // of two faces that overlap more than this the later one in the list is missed; 0 is never
}

const strayTag = 1000 // tags from here on are false alarms

func square(x, y, size float64) frame.Rect {
	return frame.Rect{X0: x - size*0.4, Y0: y - size/2, X1: x + size*0.4, Y1: y + size/2}
}

func linear(x, y, vx, vy, size float64) func(int) frame.Rect {
	return func(i int) frame.Rect { return square(x+vx*float64(i), y+vy*float64(i), size) }
}

// truth is the true box of person p in frame i.
func (s *scene) truth(p, i int) (frame.Rect, bool) {
	q := &s.people[p]
	if i < q.from || i >= q.to {
		return frame.Rect{}, false
	}
	b := q.box(i)
	if s.shake != nil {
		b = shift(b, s.shake(i))
	}
	return b, true
}

// render makes the detector's output; the tag of an observation is the person's number.
func (s *scene) render() []Frame {
	r := rand.New(rand.NewPCG(s.seed, 7))
	strayAt := map[int]int{}
	for range s.strays {
		strayAt[r.IntN(s.frames)]++
	}
	out := make([]Frame, s.frames)
	for i := range out {
		f := Frame{Index: int64(i), Cut: slices.Contains(s.cuts, i)}
		for p := range s.people {
			b, ok := s.truth(p, i)
			n := [4]float64{r.NormFloat64(), r.NormFloat64(), r.NormFloat64(), r.NormFloat64()}
			if !ok || (s.people[p].missed != nil && s.people[p].missed(i)) || s.hidden(p, i) {
				continue
			}
			h := b.H() * s.jitter
			o := Observation{Tag: p, Score: 0.9, Box: frame.Rect{X0: b.X0 + h*n[0], Y0: b.Y0 + h*n[1], X1: b.X1 + h*n[2], Y1: b.Y1 + h*n[3]}}
			if s.people[p].score != nil {
				o.Score = s.people[p].score(i)
			}
			for j := range o.Points {
				o.Points[j] = frame.Point{X: o.Box.X0 + o.Box.W()*float64(j+1)/6, Y: o.Box.Y0 + o.Box.H()/2}
			}
			f.Obs = append(f.Obs, o)
		}
		for n := range strayAt[i] {
			b := square(100+r.Float64()*1700, 100+r.Float64()*900, 40+r.Float64()*60)
			f.Obs = append(f.Obs, Observation{Tag: strayTag + n, Score: 0.6 + r.Float64()*0.3, Box: b})
		}
		if s.stride > 1 && i%s.stride != 0 && !f.Cut {
			f.Obs, f.Skipped = nil, true
		}
		out[i] = f
	}
	return out
}

func (s *scene) hidden(p, i int) bool {
	if s.hideIoU == 0 {
		return false
	}
	b, _ := s.truth(p, i)
	for q := range p {
		if a, ok := s.truth(q, i); ok && a.IoU(b) > s.hideIoU {
			return true
		}
	}
	return false
}

// outcome is what the tests judge.
type outcome struct {
	switches  int // tracklets that hold observations of more than one person
	exposed   []string
	pieces    map[int]int // tracklets per person
	ambiguous int
	strays    int // confirmed tracklets of false alarms alone
}

// judge compares tracklets with the truth. A face-frame counts from margin frames before the first time the person was
// detected to as many after the last, inside the shot; it is exposed when less than share of its box lies under covers.
func (s *scene) judge(frames []Frame, out []Tracklet, margin int, share float64) outcome {
	res := outcome{pieces: map[int]int{}}
	for i := range out {
		t := &out[i]
		who := map[int]bool{}
		for _, e := range t.Entries {
			if e.Tag >= 0 {
				who[min(e.Tag, strayTag)] = true
			}
		}
		if len(who) > 1 {
			res.switches++
		}
		if t.Ambiguous {
			res.ambiguous++
		}
		if who[strayTag] && len(who) == 1 && t.Confirmed {
			res.strays++
		}
		for p := range who {
			res.pieces[p]++
		}
	}
	shotOf := func(i int) (int, int) {
		lo, hi := 0, s.frames
		for _, c := range s.cuts {
			if c <= i {
				lo = max(lo, c)
			} else {
				hi = min(hi, c)
			}
		}
		return lo, hi
	}
	for p := range s.people {
		for i := range s.frames {
			b, ok := s.truth(p, i)
			if !ok {
				continue
			}
			lo, hi := shotOf(i)
			first, last := -1, -1
			for j := lo; j < hi; j++ {
				if slices.ContainsFunc(frames[j].Obs, func(o Observation) bool { return o.Tag == p }) {
					if first < 0 {
						first = j
					}
					last = j
				}
			}
			if first < 0 || i < first-margin || i > last+margin {
				continue
			}
			most := 0.0
			for k := range out {
				if e := out[k].At(int64(i)); e != nil {
					most = max(most, e.Cover.Intersect(b).Area()/b.Area())
				}
			}
			if most < share {
				res.exposed = append(res.exposed, fmt.Sprintf("person %d frame %d: %.0f %% covered", p, i, 100*most))
			}
		}
	}
	return res
}

func mustLink(t *testing.T, cfg Config, frames []Frame) []Tracklet {
	t.Helper()
	out, err := Link(cfg, frames)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func sin(i int, period, amplitude float64) float64 {
	return amplitude * math.Sin(2*math.Pi*float64(i)/period)
}
