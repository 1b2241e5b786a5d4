package pipeline

import (
	"context"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/landmark"
)

// ahead plays a scene with so many pictures held back, and gives every painted picture to check with its number.
func (s *liveScene) ahead(t *testing.T, l *Live, d, to int, check func(at int, p *frame.Picture)) {
	t.Helper()
	var held []*frame.Picture
	at := 0
	paint := func() {
		if n, err := l.Paint(context.Background(), held[0]); err != nil || n.Faces != n.Replaced+n.Covered {
			t.Fatalf("picture %d: %+v %v", at, n, err)
		}
		check(at, held[0])
		held, at = held[1:], at+1
	}
	for ; s.at <= to; s.at++ {
		p := s.shoot()
		if err := l.Examine(context.Background(), p); err != nil {
			t.Fatalf("picture %d: %v", s.at, err)
		}
		if held = append(held, p); len(held) > d {
			paint()
		}
	}
	for len(held) > 0 {
		paint()
	}
	if l.Held() != 0 {
		t.Errorf("%d pictures are held", l.Held())
	}
}

// A face that the detector sees late, and misses for a while, is covered in the held pictures before and between.
func TestLiveLooksAhead(t *testing.T) {
	for _, d := range []int{0, 8} {
		s := one(1)
		a := s.actors[0]
		a.missed = map[int]bool{}
		for i := range 6 {
			a.missed[i] = true // there, but not seen yet
		}
		l := play(t, s, &fakeGenerator{}, nil)
		l.eyes.Landmark = blindFollower{s}
		shown := 0
		s.ahead(t, l, d, 40, func(at int, p *frame.Picture) {
			if lumaAt(p, 160, 120) == a.luma {
				shown++
			}
		})
		if d == 0 && shown != 6 || d > 0 && shown != 0 {
			t.Errorf("looking %d pictures ahead: the face was shown in %d", d, shown)
		}
	}
}

// Nothing is carried back over a cut.
func TestLiveLooksBackToTheCutOnly(t *testing.T) {
	other := frame.New(frame.I420, 320, 240)
	for i := range other.Planes[0].Data {
		other.Planes[0].Data[i] = byte(200 * ((i%320/20 + i/320/20) % 2))
	}
	for _, cut := range []bool{false, true} {
		s := one(1)
		s.actors[0].missed = map[int]bool{}
		for i := range 8 {
			s.actors[0].missed[i] = true
		}
		l := play(t, s, &fakeGenerator{}, nil)
		for ; s.at <= 8; s.at++ {
			p := s.shoot()
			if cut && s.at == 8 {
				p = other
			}
			if err := l.Examine(context.Background(), p); err != nil {
				t.Fatal(err)
			}
		}
		before := 0
		for _, h := range l.held[:8] {
			before += len(h.jobs)
		}
		if cut && before != 0 || !cut && before != 8 {
			t.Errorf("cut %v: %d covers before the face was seen", cut, before)
		}
	}
}

func TestLiveHeldPictures(t *testing.T) {
	s := one(1)
	l := play(t, s, &fakeGenerator{}, nil)
	if err := l.Examine(context.Background(), s.shoot()); err != nil {
		t.Fatal(err)
	}
	l.Reset()
	if _, err := l.Paint(context.Background(), s.shoot()); err == nil {
		t.Error("a picture was painted that was forgotten")
	}
	if _, err := l.Process(context.Background(), s.shoot()); err == nil {
		t.Error("a stream went on after an error")
	}
	l = play(t, s, &fakeGenerator{}, nil)
	if err := l.Examine(context.Background(), s.shoot()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Paint(context.Background(), frame.New(frame.I420, 64, 64)); err == nil {
		t.Error("another picture was painted than was examined")
	}
	l = play(t, s, &fakeGenerator{}, nil)
	var err error
	for range heldMost + 1 {
		if err = l.Examine(context.Background(), s.shoot()); err != nil {
			break
		}
	}
	if err == nil {
		t.Error("pictures are held without end")
	}
}

// blindFollower follows nothing: what the detector misses is missed.
type blindFollower struct{ *liveScene }

func (blindFollower) Follow(context.Context, *frame.Picture, *landmark.Mesh) (landmark.Result, error) {
	return landmark.Result{}, nil
}
