package av

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/internal/testvideo"
)

func TestDecodeAhead(t *testing.T) {
	in := testvideo.Make(t, "h264.mp4")
	whole, _ := decode(t, in)
	var ahead atomic.Int64 // pictures that were looked at ahead
	n := int64(0)
	r, err := DecodeAhead(t.Context(), in, DecodeOptions{}, func(p *frame.Picture) error {
		if p.Index != ahead.Load() {
			t.Errorf("picture %d ahead after %d", p.Index, ahead.Load()-1)
		}
		ahead.Add(1)
		return p.Validate()
	}, func(p *frame.Picture) error {
		if p.Index != n || ahead.Load() <= n {
			t.Errorf("picture %d is number %d, with %d looked at ahead", p.Index, n, ahead.Load())
		}
		n++
		return nil
	})
	if err != nil || n != whole.Frames || r.Frames != n || ahead.Load() != n {
		t.Errorf("%d pictures of %d, %d ahead, %v", n, whole.Frames, ahead.Load(), err)
	}
	bad := errors.New("bad")
	fail := func(p *frame.Picture) error {
		if p.Index == 7 {
			return bad
		}
		return nil
	}
	if _, err := DecodeAhead(t.Context(), in, DecodeOptions{}, fail, func(p *frame.Picture) error {
		if p.Index >= 7 {
			t.Errorf("picture %d was lent after the failure", p.Index)
		}
		return nil
	}); !errors.Is(err, bad) {
		t.Errorf("an error ahead: %v", err)
	}
	if _, err := DecodeAhead(t.Context(), in, DecodeOptions{}, noEdit, fail); !errors.Is(err, bad) {
		t.Errorf("an error: %v", err)
	}
}

func TestDecodeAmong(t *testing.T) {
	in := testvideo.Make(t, "h264.mp4")
	whole, _ := decode(t, in)
	var lanes [3]seen
	r, err := DecodeAmong(t.Context(), in, DecodeOptions{}, lanes[0].add, lanes[1].add, lanes[2].add)
	if err != nil || r.Frames != whole.Frames {
		t.Fatalf("%d pictures of %d, %v", r.Frames, whole.Frames, err)
	}
	times := map[int64]int{}
	for _, l := range lanes {
		last := int64(-1)
		for _, i := range l.index {
			times[i]++
			if i <= last {
				t.Errorf("picture %d after %d", i, last)
			}
			last = i
		}
	}
	for i := range whole.Frames {
		if times[i] != 1 {
			t.Errorf("picture %d was lent %d times", i, times[i])
		}
	}
	bad := errors.New("bad")
	fail := func(*frame.Picture) error { return bad }
	if _, err := DecodeAmong(t.Context(), in, DecodeOptions{}, fail, fail); !errors.Is(err, bad) {
		t.Errorf("an error in every lane: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := func(p *frame.Picture) error { cancel(bad); return nil }
	if _, err := DecodeAmong(ctx, in, DecodeOptions{}, stop, stop); !errors.Is(err, bad) {
		t.Errorf("stopped: %v", err)
	}
}
