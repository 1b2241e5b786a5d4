package pipeline

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/ksamenet/ksamenet/core/align"
	"github.com/ksamenet/ksamenet/core/detector"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/landmark"
	"github.com/ksamenet/ksamenet/core/recognizer"
	"github.com/ksamenet/ksamenet/core/registry"
)

// liveActor is a face of a scripted stream: 50 px wide and 60 px high, on its way from (x, y).
type liveActor struct {
	who      int // index of the embedding
	x, y, vx float64
	from, to int // pictures in which it is there
	missed   map[int]bool
	blind    map[int]bool // the landmarks are not usable
	astray   bool         // the landmarks find something else
	quality  float64
	luma     byte // what the camera saw
}

func (a *liveActor) there(at int) bool { return at >= a.from && at <= a.to }

func (a *liveActor) box(at int) frame.Rect {
	x := a.x + a.vx*float64(at-a.from)
	return frame.Rect{X0: x - 25, Y0: a.y - 30, X1: x + 25, Y1: a.y + 30}
}

// liveScene plays actors to a Live in place of the networks.
type liveScene struct {
	actors []*liveActor
	at     int
	err    map[string]error // what a network answers
	embeds int
}

func (s *liveScene) Detect(context.Context, *frame.Picture) ([]detector.Detection, error) {
	var out []detector.Detection
	for _, a := range s.actors {
		if b := a.box(s.at); a.there(s.at) && !a.missed[s.at] {
			out = append(out, detector.Detection{Box: b, Score: .9, Points: [5]frame.Point{b.Center()}})
		}
	}
	return out, s.err["detector"]
}

func (s *liveScene) nearest(p frame.Point) *liveActor {
	var best *liveActor
	least := 30.
	for _, a := range s.actors {
		c := a.box(s.at).Center()
		if d := math.Hypot(c.X-p.X, c.Y-p.Y); a.there(s.at) && d < least {
			best, least = a, d
		}
	}
	return best
}

// result measures the actor at p; the mesh is an ellipse in its box.
func (s *liveScene) result(p frame.Point) (landmark.Result, error) {
	if err := s.err["landmark"]; err != nil {
		return landmark.Result{}, err
	}
	a := s.nearest(p)
	if a == nil {
		return landmark.Result{Mesh: landmark.Mesh{Presence: .1}, Presence: .1}, nil
	}
	b := a.box(s.at)
	if a.astray {
		b = frame.Rect{X0: b.X0 + 60, Y0: b.Y0, X1: b.X1 + 60, Y1: b.Y1}
	}
	r := landmark.Result{Presence: .9, Placement: align.Placement{X: b.Center().X, Y: b.Center().Y, Scale: 80}}
	r.Mesh.Presence = .9
	for i := range r.Mesh.Points {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / 468)
		r.Mesh.Points[i] = [3]float32{float32(b.Center().X + cos*b.W()/2), float32(b.Center().Y + sin*b.H()/2)}
	}
	for _, q := range ellipse(b) {
		r.Oval = append(r.Oval, frame.Point{X: q[0], Y: q[1]})
	}
	if a.blind[s.at] {
		r.Raw.Yaw = math.NaN()
	}
	return r, nil
}

func (s *liveScene) Analyze(_ context.Context, _ *frame.Picture, points [5]frame.Point) (landmark.Result, error) {
	return s.result(points[0])
}

func (s *liveScene) Steady(_ context.Context, _ *frame.Picture, mesh *landmark.Mesh, _ int) (landmark.Result, error) {
	return s.result(mesh.Box().Center())
}

func (s *liveScene) Calibrate(context.Context, []landmark.Sample) error { return nil }

func (s *liveScene) Follow(_ context.Context, _ *frame.Picture, before *landmark.Mesh) (landmark.Result, error) {
	return s.result(before.Box().Center())
}

func (s *liveScene) Embed(_ context.Context, _ *frame.Picture, f recognizer.Face) ([]float32, float64, error) {
	s.embeds++
	c := frame.Point{X: (f.Points[0].X + f.Points[1].X) / 2, Y: f.Points[2].Y}
	a := s.nearest(c)
	if a == nil {
		return nil, 0, recognizer.ErrTooSmall
	}
	return oneHot(a.who), a.quality, s.err["recognizer"]
}

func oneHot(i int) []float32 {
	v := make([]float32, recognizer.Size)
	v[i] = 1
	return v
}

// people is a registry of the persons 1, 2, … whose embeddings are one-hot 1, 2, …
type people int

func (p people) Match(e []float32) (registry.Match, error) {
	best := 0
	for i, v := range e {
		if v > e[best] {
			best = i
		}
	}
	if best == 0 || best > int(p) || e[best] < .45 {
		return registry.Match{Person: 1, Similarity: .1}, nil
	}
	return registry.Match{Person: ksame.PersonID(best), Similarity: float64(e[best]), Same: true, Maybe: true}, nil
}

// play makes a Live with this scene. Person n wears cluster n, up to 3; the others' clusters are not certified.
func play(t *testing.T, s *liveScene, g *fakeGenerator, change func(*wardrobe)) *Live {
	t.Helper()
	w := &wardrobe{people: people(9), cluster: map[ksame.PersonID]ksame.ClusterID{1: 1, 2: 2, 3: 3}, cover: map[ksame.PersonID]bool{}}
	if change != nil {
		change(w)
	}
	l, err := newLive(greyConfig(), &Stages{Detector: s, Landmark: s, Recognizer: s}, g, w)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// shoot is the picture that the camera takes: every face an ellipse of its luma.
func (s *liveScene) shoot() *frame.Picture {
	p := grey(0, 128)
	for _, a := range s.actors {
		if !a.there(s.at) {
			continue
		}
		overEllipse(a.box(s.at), .97, func(x, y int) { p.Planes[0].Data[y*p.Planes[0].Stride+x] = a.luma })
	}
	return p
}

// overEllipse visits the pixels of a 320×240 picture inside the ellipse in b, shrunk.
func overEllipse(b frame.Rect, shrunk float64, f func(x, y int)) {
	c := b.Center()
	for y := range 240 {
		for x := range 320 {
			dx, dy := (float64(x)+.5-c.X)/(b.W()/2*shrunk), (float64(y)+.5-c.Y)/(b.H()/2*shrunk)
			if dx*dx+dy*dy <= 1 {
				f(x, y)
			}
		}
	}
}

// run plays pictures up to and including to, and returns what was done to the last one.
func (s *liveScene) run(t *testing.T, l *Live, to int) (*frame.Picture, LiveCount) {
	t.Helper()
	var p *frame.Picture
	var n LiveCount
	for ; s.at <= to; s.at++ {
		p = s.shoot()
		var err error
		if n, err = l.Process(context.Background(), p); err != nil {
			t.Fatalf("picture %d: %v", s.at, err)
		}
		if n.Faces != n.Replaced+n.Covered {
			t.Fatalf("picture %d: %+v does not add up", s.at, n)
		}
	}
	return p, n
}

func newActor(who int, x float64) *liveActor {
	return &liveActor{who: who, x: x, y: 120, to: math.MaxInt, quality: .8, luma: 220}
}

func one(who int) *liveScene { return &liveScene{actors: []*liveActor{newActor(who, 160)}} }

func TestLiveLifeOfATrack(t *testing.T) {
	s := one(1)
	s.actors[0].to = 30
	l := play(t, s, &fakeGenerator{}, nil)
	hits := trackerConfig(greyConfig()).MinHits
	if _, n := s.run(t, l, hits-2); n != (LiveCount{Faces: 1, Covered: 1}) {
		t.Errorf("a tentative track: %+v, want it covered", n)
	}
	if _, n := s.run(t, l, hits-1); n != (LiveCount{Faces: 1, Replaced: 1}) {
		t.Errorf("a confirmed and known face: %+v, want it replaced", n)
	}
	if _, n := s.run(t, l, 30); n != (LiveCount{Faces: 1, Replaced: 1}) {
		t.Errorf("later: %+v", n)
	}
	if s.embeds != 1 {
		t.Errorf("%d embeddings were taken of a face that was known after the first", s.embeds)
	}
	p, n := s.run(t, l, 32)
	if n != (LiveCount{Faces: 1, Covered: 1}) || lumaAt(p, 160, 120) == 128 {
		t.Errorf("out of sight: %+v, luma %d, want its place covered", n, lumaAt(p, 160, 120))
	}
	if p, n := s.run(t, l, 30+trackerConfig(greyConfig()).Lost+2); n != (LiveCount{}) || !bytes.Equal(p.Planes[0].Data, grey(0, 128).Planes[0].Data) {
		t.Errorf("after the hold-over: %+v, or the picture was changed", n)
	}
	if len(l.faces) != 0 || len(l.paint.worn) != 0 {
		t.Errorf("%d faces and %d enlargements of ended tracks are remembered", len(l.faces), len(l.paint.worn))
	}
}

func TestLiveCoversWhomItDoesNotKnow(t *testing.T) {
	for _, tc := range []struct {
		name   string
		actor  func(*liveActor)
		wear   func(*wardrobe)
		want   LiveCount
		embeds int // at least
	}{
		{"stranger", func(a *liveActor) { a.who = 20 }, nil, LiveCount{1, 0, 1}, 4},
		{"stranger, uncertified", func(a *liveActor) { a.who = 20 }, func(w *wardrobe) { w.shared = true }, LiveCount{1, 1, 0}, 1},
		{"poor evidence", func(a *liveActor) { a.quality = minEnrolQuality / 2 }, nil, LiveCount{1, 0, 1}, 4},
		{"cluster not certified", func(a *liveActor) { a.who = 5 }, nil, LiveCount{1, 0, 1}, 1},
		{"cluster not certified, uncertified", func(a *liveActor) { a.who = 5 }, func(w *wardrobe) { w.shared = true }, LiveCount{1, 1, 0}, 1},
		{"covered on request", func(*liveActor) {}, func(w *wardrobe) { w.cover[1] = true }, LiveCount{1, 0, 1}, 1},
		{"no registry", func(*liveActor) {}, func(w *wardrobe) { *w = wardrobe{shared: true} }, LiveCount{1, 1, 0}, 0},
		{"landmarks not finite", func(a *liveActor) {
			a.blind = map[int]bool{}
			for i := range 50 {
				a.blind[i] = true
			}
		}, nil, LiveCount{1, 0, 1}, 0},
		{"landmarks of something else", func(a *liveActor) { a.astray = true }, nil, LiveCount{1, 0, 1}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := one(1)
			tc.actor(s.actors[0])
			p, n := s.run(t, play(t, s, &fakeGenerator{}, tc.wear), 40)
			if n != tc.want || s.embeds < tc.embeds {
				t.Errorf("%+v after %d embeddings, want %+v after %d", n, s.embeds, tc.want, tc.embeds)
			}
			if lumaAt(p, 160, 120) == 220 {
				t.Error("the face is clear")
			}
		})
	}
}

// 2.3.5 of the guarantee: inside a shot a surrogate never changes, whatever the recogniser says later.
func TestLiveKeepsTheSurrogateInAShot(t *testing.T) {
	s := one(1)
	l := play(t, s, &fakeGenerator{}, nil)
	s.run(t, l, 10)
	s.actors[0].who = 2
	s.run(t, l, 60)
	if f := l.faces[0]; f.wears.cluster != 1 || s.embeds != 1 {
		t.Errorf("cluster %d after %d embeddings, want 1 after 1", f.wears.cluster, s.embeds)
	}
	l.Reset()
	if _, n := s.run(t, l, 61); n.Replaced != 0 {
		t.Errorf("after a seek: %+v, want a new, tentative track", n)
	}
	s.run(t, l, 70)
	if f := l.faces[0]; f.wears.cluster != 2 {
		t.Errorf("after a seek: cluster %d, want 2", f.wears.cluster)
	}
}

// A cut ends every track: who comes next is looked at anew.
func TestLiveCutStartsAnew(t *testing.T) {
	s := one(1)
	l := play(t, s, &fakeGenerator{}, nil)
	s.run(t, l, 10)
	s.actors[0].who = 2
	r := rand.New(rand.NewPCG(1, 2))
	other := frame.New(frame.I420, 320, 240)
	for y := range 240 {
		for x := range 320 {
			other.Planes[0].Data[y*320+x] = byte(200*((x/20+y/20)%2) + r.IntN(20))
		}
	}
	if n, err := l.Process(context.Background(), other); err != nil || n.Replaced != 0 || n.Covered == 0 {
		t.Errorf("first picture of another shot: %+v, %v; want the face covered", n, err)
	}
}

// Two faces in one picture are two people, even if both resemble the same one.
func TestLiveTwoFacesAreTwoPeople(t *testing.T) {
	s := &liveScene{actors: []*liveActor{newActor(1, 80), newActor(1, 240)}}
	if _, n := s.run(t, play(t, s, &fakeGenerator{}, nil), 30); n != (LiveCount{2, 1, 1}) {
		t.Errorf("%+v, want one replaced, the other covered", n)
	}
}

// The landmarks carry a face over pictures in which the detector misses it.
func TestLiveFollowsWhatTheDetectorMisses(t *testing.T) {
	s := one(1)
	s.actors[0].missed = map[int]bool{10: true, 11: true, 12: true}
	l := play(t, s, &fakeGenerator{}, nil)
	s.run(t, l, 9)
	for at := 10; at <= 13; at++ {
		if _, n := s.run(t, l, at); n != (LiveCount{1, 1, 0}) {
			t.Errorf("picture %d: %+v, want the face replaced", at, n)
		}
	}
}

// I7: an error of any stage ends the stream, and it stays ended.
func TestLiveStops(t *testing.T) {
	for _, stage := range []string{"detector", "landmark", "recognizer", "generator", "surrogate missing", "picture"} {
		t.Run(stage, func(t *testing.T) {
			s, g := one(1), &fakeGenerator{}
			lost := errors.New("device lost")
			p, want := s.shoot(), lost.Error()
			switch stage {
			case "generator":
				g.err = lost
			case "surrogate missing":
				g.short, want = true, "0 surrogates for 1"
			case "picture":
				p.Planes[1].Data, want = nil, frame.ErrLayout.Error()
			default:
				s.err = map[string]error{stage: lost}
			}
			l := play(t, s, g, nil)
			var err error
			for range 5 {
				if _, err = l.Process(context.Background(), p); err != nil {
					break
				}
				s.at++
			}
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Fatalf("got %v, want a stop with %q", err, want)
			}
			s.err, g.err, g.short = nil, nil, false
			l.Reset()
			if _, again := l.Process(context.Background(), s.shoot()); again == nil {
				t.Error("the stream went on after an error")
			}
		})
	}
	s := one(1)
	l := play(t, s, &fakeGenerator{}, nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s.err = map[string]error{"detector": ctx.Err()}
	if _, err := l.Process(ctx, s.shoot()); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	if _, err := l.Process(context.Background(), s.shoot()); !errors.Is(err, ErrLiveClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// No face passes: whatever the detector, the landmarks and the recogniser make of it, no pixel of a face that was seen
// depends on what the camera saw there. Two runs differ in nothing but the faces' pixels.
func TestLiveHidesEveryFaceThatWasSeen(t *testing.T) {
	for seed := range uint64(8) {
		stream := func(luma byte) (out [][]byte, s *liveScene, counts []LiveCount) {
			r := rand.New(rand.NewPCG(seed, 7))
			s = &liveScene{}
			for lane := range 3 {
				a := newActor(1+r.IntN(4), 40+60*r.Float64())
				a.y, a.vx, a.from, a.to, a.luma = 40+80*float64(lane), 4*r.Float64()-1, r.IntN(20), 30+r.IntN(40), luma
				a.quality = .2 + .8*r.Float64()
				a.missed, a.blind = map[int]bool{}, map[int]bool{}
				for at := range 80 {
					// A face that nobody has seen yet is part of the scene, by whose brightness the others are toned.
					a.missed[at], a.blind[at] = r.IntN(6) == 0 && at > a.from+5, r.IntN(6) == 0
				}
				a.astray = r.IntN(8) == 0
				if lane == 0 { // one of them is replaced for sure
					a.who, a.quality, a.astray = 1, .8, false
				}
				s.actors = append(s.actors, a)
			}
			l := play(t, s, &fakeGenerator{}, func(w *wardrobe) { w.shared = seed%2 == 1 })
			for at := range 80 {
				p, n := s.run(t, l, at)
				out, counts = append(out, p.Planes[0].Data), append(counts, n)
			}
			return out, s, counts
		}
		dark, s, counts := stream(100)
		light, _, again := stream(160)
		replaced := 0
		for at := range dark {
			if counts[at] != again[at] {
				t.Fatalf("seed %d, picture %d: %+v and %+v", seed, at, counts[at], again[at])
			}
			replaced += counts[at].Replaced
			for i, a := range s.actors {
				if !a.there(at) || a.missed[at] {
					continue
				}
				overEllipse(a.box(at), .97, func(x, y int) {
					if d, l := dark[at][y*320+x], light[at][y*320+x]; d != l {
						t.Fatalf("seed %d, picture %d, face %d: pixel %d,%d is %d or %d, as the face was", seed, at, i, x, y, d, l)
					}
				})
			}
		}
		if replaced == 0 {
			t.Errorf("seed %d: nothing was replaced, so the test says little", seed)
		}
	}
}

func TestLiveRepeatsItself(t *testing.T) {
	film := func() (all []byte) {
		s := &liveScene{actors: []*liveActor{newActor(1, 80), newActor(2, 240)}}
		s.actors[0].vx = 1.5
		l := play(t, s, &fakeGenerator{}, nil)
		for at := range 25 {
			p, _ := s.run(t, l, at)
			all = append(all, p.Planes[0].Data...)
		}
		return all
	}
	if !bytes.Equal(film(), film()) {
		t.Error("two runs differ")
	}
}

func TestLivePictureOfAnotherSizeStartsAnew(t *testing.T) {
	s := one(1)
	l := play(t, s, &fakeGenerator{}, nil)
	s.run(t, l, 10)
	if n, err := l.Process(context.Background(), frame.New(frame.RGBA, 400, 300)); err != nil || n.Covered != 1 {
		t.Errorf("%+v, %v; want the face covered", n, err)
	}
}

// Time goes on by the pictures' own times where they have some.
func TestLiveTime(t *testing.T) {
	var l Live
	const ms = time.Millisecond
	for _, tc := range []struct{ pts, want time.Duration }{
		{0, 40 * ms}, {20 * ms, 60 * ms}, {20 * ms, 100 * ms}, {5 * time.Second, 140 * ms}, {0, 180 * ms}, {50 * ms, 230 * ms},
	} {
		if l.tick(tc.pts); l.now != tc.want {
			t.Errorf("picture at %v: %v, want %v", tc.pts, l.now, tc.want)
		}
	}
}
