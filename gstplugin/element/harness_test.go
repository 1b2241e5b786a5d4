package element

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ksamenet/ksamenet/core/compositor"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/gstplugin/harness"
)

// step is the distance of pictures in these tests.
const step = 40 * time.Millisecond

func caps(format string, w, h int, more ...string) string {
	return fmt.Sprintf("video/x-raw,format=%s,width=%d,height=%d,framerate=25/1%s", format, w, h, strings.Join(more, ""))
}

// rig opens the fake in a harness, with a look-ahead.
func (f *fake) rig(t *testing.T, ahead int, caps string) *harness.Rig {
	t.Helper()
	r := harness.Open(f.stage(t) + fmt.Sprintf(" lookahead=%d", ahead))
	t.Cleanup(r.Close)
	if err := r.Caps(caps); err != nil {
		t.Fatal(err)
	}
	return r
}

// noise is a picture whose every byte tells where it belongs.
func noise(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// hides is a fake that covers the left upper half of each picture.
func hides() *fake {
	return &fake{do: func(pic *frame.Picture) (pipeline.LiveCount, error) {
		_, err := compositor.Cover(pic, frame.Rect{X0: 1, Y0: 1, X1: float64(pic.W) / 2, Y1: float64(pic.H) / 2}, compositor.Solid)
		return pipeline.LiveCount{Faces: 1, Covered: 1}, err
	}}
}

// Rows and planes lie wherever the buffer says: what comes out is the same for each stride, the bytes in between are not touched,
// and a buffer that somebody else holds as well keeps its clear picture.
func TestStrides(t *testing.T) {
	for _, format := range formats {
		for _, size := range [][2]int{{64, 48}, {321, 241}, {17, 16}, {33, 19}, {16, 17}} {
			for _, fields := range []string{"", ",interlace-mode=interleaved,field-order=top-field-first"} {
				if fields != "" && size[0] != 64 {
					continue
				}
				t.Run(fmt.Sprintf("%s %dx%d%s", format, size[0], size[1], fields), func(t *testing.T) {
					r := hides().rig(t, 0, caps(format, size[0], size[1], fields))
					clear := noise(r.Size(), 7)
					var want []byte
					for i, pad := range []int{0, 2, 6, 58, 4098} {
						for _, shared := range []bool{false, true} {
							if err := r.Push(clear, pad, time.Duration(i)*step, shared); err != nil {
								t.Fatal(err)
							}
							got, _, err := r.Pull()
							switch {
							case err != nil || got == nil:
								t.Fatalf("padding %d, shared %v: %d bytes, %v", pad, shared, len(got), err)
							case want == nil:
								if want = got; bytes.Equal(got, clear) {
									t.Fatal("nothing was covered")
								}
							case !bytes.Equal(got, want):
								t.Errorf("padding %d, shared %v: another picture comes out", pad, shared)
							}
							if shared && !r.Intact() {
								t.Errorf("padding %d: somebody else's buffer was written to", pad)
							}
						}
					}
				})
			}
		}
	}
}

// One element through many formats, one after the other: pictures that are held in the old one leave in it, all of them.
func TestRenegotiationStorm(t *testing.T) {
	f := hides()
	r := f.rig(t, 3, caps("I420", 64, 48))
	order := rand.New(rand.NewPCG(3, 3))
	n := 0
	for range 40 {
		format, w, h := formats[order.IntN(len(formats))], 16+order.IntN(100), 16+order.IntN(100)
		if err := r.Caps(caps(format, w, h)); err != nil {
			t.Fatal(err)
		}
		for range 1 + order.IntN(6) {
			if err := r.Push(noise(r.Size(), uint64(n)), 2*order.IntN(8), time.Duration(n)*step, false); err != nil {
				t.Fatalf("picture %d, %s %dx%d: %v", n, format, w, h, err)
			}
			n++
		}
	}
	if !r.End() {
		t.Fatal("EOS was refused")
	}
	if _, _, _, painted := f.counts(); painted != n {
		t.Errorf("%d pictures painted, want %d", painted, n)
	}
}

// Flushes, gaps and ends at any moment: what is held when a flush comes is gone, everything else comes out painted, once and in
// order.
func TestFlushAndGapStorm(t *testing.T) {
	for _, ahead := range []int{0, 1, 5, 12} {
		t.Run(fmt.Sprint(ahead), func(t *testing.T) {
			f := hides()
			r := f.rig(t, ahead, caps("I420", 64, 48))
			order := rand.New(rand.NewPCG(5, uint64(ahead)))
			var pushed, held int
			var want, got []time.Duration
			clear := noise(r.Size(), 9)
			drain := func() {
				for {
					picture, pts, err := r.Pull()
					if err != nil {
						t.Fatal(err)
					}
					if picture == nil {
						return
					}
					if bytes.Equal(picture, clear) {
						t.Fatalf("the picture at %v left as it came", pts)
					}
					got = append(got, pts)
				}
			}
			for range 150 {
				switch order.IntN(8) {
				case 0:
					r.Flush()
					drain()
					want, held = want[:len(want)-held], 0
				case 1:
					r.Gap(time.Duration(pushed)*step, step)
					held = 0
				default:
					at := time.Duration(pushed) * step
					if err := r.Push(clear, 0, at, false); err != nil {
						t.Fatal(err)
					}
					want = append(want, at)
					pushed++
					held = min(held+1, ahead)
				}
				drain()
			}
			if !r.End() {
				t.Fatal("EOS was refused")
			}
			drain()
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("out came %v, want %v", got, want)
			}
		})
	}
}

// After an error no picture comes out any more, until the element has been restarted.
func TestNothingLeavesAfterAnError(t *testing.T) {
	n := 0
	f := &fake{do: func(*frame.Picture) (pipeline.LiveCount, error) {
		if n++; n == 3 {
			return pipeline.LiveCount{}, errors.New("device lost")
		}
		return pipeline.LiveCount{}, nil
	}}
	r := f.rig(t, 2, caps("NV12", 64, 48))
	var failed error
	for i := range 8 {
		if err := r.Push(noise(r.Size(), 1), 0, time.Duration(i)*step, false); err != nil && failed == nil {
			failed = err
		}
	}
	out := 0
	for {
		picture, _, err := r.Pull()
		if err != nil {
			t.Fatal(err)
		}
		if picture == nil {
			break
		}
		out++
	}
	if failed == nil || !strings.Contains(failed.Error(), "device lost") || out > 2 {
		t.Errorf("%v, and %d pictures came out, want 2 at most", failed, out)
	}
}

// Many pipelines with several elements each, in one process and at once, started over and over.
func TestManyInstances(t *testing.T) {
	need(t, "videotestsrc", "fakesink")
	const pipelines, cycles, pictures = 6, 4, 5
	f := &fake{}
	stage := strings.Replace(f.stage(t), "name=k ", "", 1)
	line := source("I420", 64, 48, pictures, "smpte") + " ! " + stage + " ! " + stage + " lookahead=0 ! fakesink"
	var wait sync.WaitGroup
	for range pipelines {
		wait.Go(func() {
			if err := harness.Play(line, cycles, time.Minute); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	opened, closed, _, painted := f.counts()
	if want := 2 * pipelines * cycles; opened != want || closed != want || painted != want*pictures {
		t.Errorf("opened %d, closed %d, %d pictures; want %d, %d, %d", opened, closed, painted, want, want, want*pictures)
	}
}
