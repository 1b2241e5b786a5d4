package pipeline

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/ksamenet/ksamenet/core/detector"
	"github.com/ksamenet/ksamenet/core/frame"
)

// tuned changes the settings of a Live that plays s.
func tuned(t *testing.T, s *liveScene, change func(*Config)) *Live {
	t.Helper()
	l := play(t, s, &fakeGenerator{}, nil)
	cfg := greyConfig()
	change(&cfg)
	if err := l.Adjust(cfg); err != nil {
		t.Fatal(err)
	}
	return l
}

// With a look-ahead a face is replaced from its first picture on, once it is known whose it is.
func TestLiveDressesBack(t *testing.T) {
	for _, ahead := range []int{0, 8} {
		s := one(1)
		s.actors[0].vx = 1
		l := tuned(t, s, func(c *Config) { c.Lookahead = ahead })
		covered := 0
		s.ahead(t, l, ahead, 30, func(at int, _ *frame.Picture) {
			if len(l.Faces()) != 1 {
				t.Errorf("picture %d: %+v, want one face", at, l.Faces())
			}
			if f := l.Faces()[0]; !f.Replaced {
				covered++
				if f.Why == "" {
					t.Errorf("picture %d: a cover without a reason", at)
				}
			}
		})
		if ahead == 0 && covered != 2 || ahead > 0 && covered != 0 {
			t.Errorf("looking %d pictures ahead: covered in %d", ahead, covered)
		}
	}
}

// countingDetector counts looks.
type countingDetector struct {
	*liveScene
	looks int
}

func (c *countingDetector) Detect(ctx context.Context, pic *frame.Picture) ([]detector.Detection, error) {
	c.looks++
	return c.liveScene.Detect(ctx, pic)
}

// The detector looks less often where it is told to, and no face that it sees leaves clear all the same: not one that comes
// between two looks, nor one that comes just before the stream ends or with a look-ahead that is too short.
func TestLiveDetectInterval(t *testing.T) {
	for _, tc := range []struct{ interval, ahead, most int }{{1, 8, 81}, {4, 8, 40}, {4, 2, 81}, {4, 0, 81}, {10, 12, 30}} {
		for seed := range uint64(2) {
			r := rand.New(rand.NewPCG(seed, 3))
			s := &liveScene{}
			for i := range 3 {
				a := newActor(i+1, 40+100*float64(i))
				a.from = r.IntN(81)
				s.actors = append(s.actors, a)
			}
			s.actors[0].from = 0
			l := tuned(t, s, func(c *Config) { c.DetectInterval, c.Lookahead = tc.interval, tc.ahead })
			eyes := &countingDetector{liveScene: s}
			l.eyes.Detector = eyes
			s.ahead(t, l, tc.ahead, 80, func(at int, p *frame.Picture) {
				for i, a := range s.actors {
					c := a.box(at).Center()
					if a.there(at) && lumaAt(p, int(c.X), int(c.Y)) == a.luma {
						t.Fatalf("interval %d, %d ahead, seed %d: face %d, there from %d, is clear in picture %d", tc.interval, tc.ahead, seed, i, a.from, at)
					}
				}
			})
			if eyes.looks > tc.most {
				t.Errorf("interval %d, %d ahead, seed %d: %d looks at 81 pictures, want at most %d", tc.interval, tc.ahead, seed, eyes.looks, tc.most)
			}
		}
	}
}

func TestLiveMaxFacesAndMinFaceSize(t *testing.T) {
	four := func() *liveScene {
		s := &liveScene{}
		for i := range 4 {
			s.actors = append(s.actors, newActor(i%3+1, 40+75*float64(i)))
		}
		s.actors[3].who = 9
		return s
	}
	s := four()
	if _, n := s.run(t, tuned(t, s, func(c *Config) { c.MaxFaces = 2 }), 30); n != (LiveCount{4, 2, 2}) {
		t.Errorf("two faces at most: %+v", n)
	}
	s = one(1) // 60 px high
	l := tuned(t, s, func(c *Config) { c.MinFaceSize = 61 })
	if _, n := s.run(t, l, 30); n != (LiveCount{1, 0, 1}) {
		t.Errorf("a face below the least size: %+v", n)
	}
	cfg := greyConfig()
	cfg.MinFaceSize = 60
	if err := l.Adjust(cfg); err != nil {
		t.Fatal(err)
	}
	if _, n := s.run(t, l, 35); n != (LiveCount{1, 1, 0}) {
		t.Errorf("a face of the least size: %+v", n)
	}
	cfg.MinFaceSize = -1
	if err := l.Adjust(cfg); !errors.Is(err, ErrConfig) {
		t.Errorf("%v, want ErrConfig", err)
	}
}

// Regions from outside are covered, but for those that lie on a face that is known anyway.
func TestLiveRegions(t *testing.T) {
	s := one(1)
	l := tuned(t, s, func(*Config) {})
	s.run(t, l, 10)
	p := s.shoot()
	there := frame.Rect{X0: 20, Y0: 20, X1: 60, Y1: 60}
	if err := l.Examine(context.Background(), p, there, s.actors[0].box(s.at).Grow(.2, .2)); err != nil {
		t.Fatal(err)
	}
	n, err := l.Paint(context.Background(), p)
	if err != nil || n != (LiveCount{2, 1, 1}) || lumaAt(p, 40, 40) == 128 {
		t.Errorf("%+v, %v, luma %d; want the face replaced and the region covered", n, err, lumaAt(p, 40, 40))
	}
}

func TestLiveResumes(t *testing.T) {
	s := one(1)
	l := tuned(t, s, func(*Config) {})
	s.run(t, l, 10)
	lost := errors.New("device lost")
	s.err = map[string]error{"detector": lost}
	if _, err := l.Process(context.Background(), s.shoot()); !errors.Is(err, lost) {
		t.Fatal(err)
	}
	s.err = nil
	if err := l.Resume(); err != nil {
		t.Fatal(err)
	}
	if n, err := l.Process(context.Background(), s.shoot()); err != nil || n != (LiveCount{1, 0, 1}) {
		t.Errorf("%+v, %v; want a new, tentative track", n, err)
	}
	if err := errors.Join(l.Close()); err != nil {
		t.Fatal(err)
	}
	if err := l.Resume(); !errors.Is(err, ErrLiveClosed) {
		t.Errorf("a closed stream resumed: %v", err)
	}
}

// A face in the middle of the picture that the detector found late may have been shown; one that comes in, or was there at the
// cut, was not.
func TestLiveTellsWhatItMissed(t *testing.T) {
	for _, tc := range []struct {
		name  string
		actor liveActor
		ahead int
		want  int
	}{
		{"from the start", liveActor{x: 160}, 0, 0},
		{"late", liveActor{x: 160, from: 20}, 0, 12},
		{"late, looking ahead", liveActor{x: 160, from: 20}, 8, 4},
		{"late, looking far ahead", liveActor{x: 160, from: 20}, 12, 0},
		{"comes in", liveActor{x: 26, from: 20}, 0, 0},
	} {
		a := newActor(1, tc.actor.x)
		a.missed = map[int]bool{}
		for at := range tc.actor.from {
			a.missed[at] = true
		}
		s := &liveScene{actors: []*liveActor{a}}
		l := tuned(t, s, func(*Config) {})
		got := 0
		var held []*frame.Picture
		for ; s.at <= 30; s.at++ {
			p := s.shoot()
			if err := l.Examine(context.Background(), p); err != nil {
				t.Fatal(err)
			}
			for _, m := range l.Missed() {
				got += m.Pictures
			}
			if held = append(held, p); len(held) > tc.ahead {
				if _, err := l.Paint(context.Background(), held[0]); err != nil {
					t.Fatal(err)
				}
				held = held[1:]
			}
		}
		if got != tc.want {
			t.Errorf("%s: %d pictures, want %d", tc.name, got, tc.want)
		}
	}
}
