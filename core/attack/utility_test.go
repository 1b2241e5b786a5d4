package attack

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/landmark"
)

// acting is a watcher of one track of n pictures with the given performances.
func acting(n int, original, output func(i int) performance) *Watcher {
	t := &track{person: "p", seen: [sides]int{n, n}, shown: n}
	for side := range t.found {
		t.found[side] = []int{n, n}
	}
	t.found[Output][1] = n / 2
	for i := range n {
		t.both = append(t.both, both{[sides]performance{original(i), output(i)}})
	}
	return &Watcher{eyes: &Eyes{mesh: &stage{}}, tracks: map[int]*track{1: t}, order: []int{1}}
}

func measure(t *testing.T, all ...*Watcher) Utility {
	t.Helper()
	u, err := Measure(t.Context(), all...)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func talk(i int) (p performance) {
	s := math.Sin(float64(i) / 3)
	p.mouth, p.eyes, p.yaw, p.roll = .05+.04*s, .3+.1*math.Cos(float64(i)/7), 20*math.Sin(float64(i)/11), 179
	p.units[2] = .5 + .4*s
	for d := range p.points {
		p.points[d] = float32(s * float64(d%7))
		p.places[d] = float32(i)
	}
	return p
}

func TestMeasureFollowsTheFace(t *testing.T) {
	const n = 200
	r := rand.New(rand.NewPCG(3, 1))
	same := measure(t, acting(n, talk, func(i int) performance {
		p := talk(i)
		p.mouth, p.yaw, p.roll = .02+.5*p.mouth, p.yaw-4, -179 // another face's size of mouth, a constant bias, a turn past 180°
		return p
	}))
	for name, v := range map[string]float64{"mouth": same.Mouth.Correlation, "blink": same.Blink.Correlation, "yaw": same.Yaw.Correlation,
		"unit": same.Units["mouthOpen"].Correlation, "landmarks": same.Landmarks * 7 / 6, "weighted": same.LandmarksWeighted, "picture": same.LandmarksPicture} {
		// One coordinate in seven does not move: it has no correlation and no weight.
		if math.Abs(v-1) > 1e-2 {
			t.Errorf("%s: %v, want 1", name, v)
		}
	}
	if e := same.PoseError; math.Abs(e.Yaw-4) > 1e-9 || math.Abs(e.Roll-2) > 1e-9 || e.Pitch != 0 {
		t.Errorf("pose error %+v, want 4, 0 and 2", e)
	}
	if d := same.Detection[1]; d.Detector != Detectors[1] || d.Original != 1 || d.Output != .5 || d.Ratio != .5 {
		t.Errorf("detection %+v", d)
	}
	frozen := measure(t, acting(n, talk, func(int) performance { return performance{mouth: .05 + .01*r.NormFloat64(), eyes: .3} }))
	if math.Abs(frozen.Mouth.Correlation) > .3 || math.Abs(frozen.Blink.Correlation) > 1e-9 || frozen.Landmarks != 0 {
		t.Errorf("a frozen face follows: %+v", frozen)
	}
	if still := measure(t, acting(n, func(int) performance { return performance{} }, talk)); still.Mouth.Tracks != 0 || len(still.Units) != 0 {
		t.Errorf("an original that does not move says something: %+v", still)
	}
	kept := acting(n, talk, talk)
	kept.tracks[1].shown = 0
	if u := measure(t, kept); u.Tracks != 0 || u.Faces != 0 {
		t.Errorf("a face that was kept counts: %+v", u)
	}
}

func TestPerformIsFreeOfPlaceSizeAndRoll(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 1))
	var base landmark.Result
	base.Placement = align.Placement{X: 100, Y: 100, Scale: 80}
	for i := range base.Mesh.Points {
		base.Mesh.Points[i] = [3]float32{float32(100 + 20*r.NormFloat64()), float32(100 + 20*r.NormFloat64()), float32(10 * r.NormFloat64())}
	}
	a := perform(&base)
	moved, m := base, align.Placement{Scale: 2.5, Roll: .6, X: 400, Y: -30}.Matrix()
	moved.Placement.Scale *= 2.5
	moved.Placement.Roll = .6
	for i := range moved.Mesh.Points {
		q := m.Apply(base.Mesh.At(i))
		moved.Mesh.Points[i] = [3]float32{float32(q.X), float32(q.Y), base.Mesh.Points[i][2] * 2.5}
	}
	b := perform(&moved)
	if math.Abs(a.mouth-b.mouth) > 1e-4 || math.Abs(a.eyes-b.eyes) > 1e-3 {
		t.Errorf("mouth %v and %v, eyes %v and %v", a.mouth, b.mouth, a.eyes, b.eyes)
	}
	for d := range a.points {
		if math.Abs(float64(a.points[d]-b.points[d])) > 1e-4 {
			t.Fatalf("coordinate %d: %v and %v", d, a.points[d], b.points[d])
		}
	}
}

// noise is a picture of a pattern that lies at (dx, 0), with grains of its own.
func noise(index int64, dx int, grains float64) *frame.Picture {
	p := frame.New(frame.Gray8, 192, 192)
	p.FullRange, p.Index = true, index
	r := rand.New(rand.NewPCG(uint64(index), 2))
	for y := range 192 {
		for x := range 192 {
			u := float64(x - dx)
			v := 128 + 50*math.Sin(u/9)*math.Cos(float64(y)/7) + 30*math.Sin(u*float64(y)/400) + grains*r.NormFloat64()
			p.Planes[0].Data[y*p.Planes[0].Stride+x] = byte(min(max(v, 0), 255))
		}
	}
	return p
}

func TestFlicker(t *testing.T) {
	box := frame.Rect{X0: 48, Y0: 48, X1: 144, Y1: 144} // a sample is a pixel
	run := func(output func(i int64) *frame.Picture) float64 {
		t.Helper()
		var f flicker
		for i := range int64(4) {
			if err := f.add(noise(i, int(3*i), 0), output(i), box); err != nil {
				t.Fatal(err)
			}
		}
		if f.n != 3 {
			t.Fatalf("%d comparisons, want 3", f.n)
		}
		return (f.sum[Output] - f.sum[Original]) / 3
	}
	if v := run(func(i int64) *frame.Picture { return noise(i, int(3*i), 0) }); v != 0 {
		t.Errorf("the same picture flickers: %v", v)
	}
	if v := run(func(i int64) *frame.Picture { return noise(i, int(3*i), 6) }); v < 4 || v > 9 { // 6·√2·√(2/π) = 6.8
		t.Errorf("grains of 6 levels: %v, want about 6.8", v)
	}
	if v := run(func(i int64) *frame.Picture { return noise(i, 0, 0) }); v < 4 {
		t.Errorf("a picture that stands still where the original moves: %v", v)
	}
	var f flicker
	for _, i := range []int64{0, 2, 5} {
		if err := f.add(noise(i, 0, 0), noise(i, 0, 0), box); err != nil {
			t.Fatal(err)
		}
	}
	if f.n != 0 {
		t.Errorf("%d comparisons across gaps", f.n)
	}
}

// A face that the original's edge cuts is no witness: what the mesh says of the part beyond is a guess.
func TestCutFacesAreNotMeasured(t *testing.T) {
	pic := frame.New(frame.Gray8, 192, 192)
	see := func(x float32) *sight {
		s := &sight{found: []bool{true, true}, mesh: true}
		for i := range s.result.Mesh.Points {
			s.result.Mesh.Points[i] = [3]float32{x + float32(i%40), 80 + float32(i%50)}
		}
		s.result.Placement.Scale = 60
		s.steady = s.result
		return s
	}
	for _, tc := range []struct {
		name             string
		original, output float32
		measured, cut    int
	}{{"whole", 100, 100, 1, 0}, {"cut by the right edge", 160, 100, 0, 1}, {"cut by the left edge", -3, 100, 0, 1}, {"only the output's mesh reaches out", 100, 160, 1, 0}} {
		t.Run(tc.name, func(t *testing.T) {
			tr := &track{person: "p", shown: 1}
			for side := range tr.found {
				tr.found[side] = make([]int, len(Detectors))
			}
			if err := tr.perform(pic, pic, frame.Rect{X0: 60, Y0: 60, X1: 160, Y1: 160}, see(tc.original), see(tc.output)); err != nil {
				t.Fatal(err)
			}
			u := measure(t, &Watcher{eyes: &Eyes{mesh: &stage{}}, tracks: map[int]*track{1: tr}, order: []int{1}})
			if u.Measured != tc.measured || u.Cut != tc.cut {
				t.Errorf("%d measured and %d cut, want %d and %d", u.Measured, u.Cut, tc.measured, tc.cut)
			}
		})
	}
}
