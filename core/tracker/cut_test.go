package tracker

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/internal/require"
)

// waves is a picture of soft structure: a different one for each seed.
type waves struct{ fx, fy, phase, amplitude [8]float64 }

func newWaves(seed uint64) *waves {
	r := rand.New(rand.NewPCG(seed, 11))
	w := &waves{}
	for i := range w.fx {
		f := 2 + 14*r.Float64()
		a := 2 * math.Pi * r.Float64()
		w.fx[i], w.fy[i], w.phase[i], w.amplitude[i] = f*math.Cos(a), f*math.Sin(a), 7*r.Float64(), 20+20*r.Float64()
	}
	return w
}

// at is the level at x, y in widths of the picture.
func (w *waves) at(x, y float64) float64 {
	v := 120.0
	for i := range w.fx {
		v += w.amplitude[i] * math.Sin(w.fx[i]*x*2+w.fy[i]*y*2+w.phase[i])
	}
	return v
}

// draw fills the colour components of p: moved by dx, turned, brightened, with noise.
func (w *waves) draw(p *frame.Picture, dx, turn, gain, lift float64, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 3))
	sin, cos := math.Sincos(turn)
	n := 1
	if p.Layout.RGB {
		n = 3
	}
	for i := range n {
		c := p.Layout.Components[i]
		pl := &p.Planes[c.Plane]
		for y := range p.H {
			for x := range p.W {
				u, v := (float64(x)-float64(p.W)/2)/float64(p.W), (float64(y)-float64(p.H)/2)/float64(p.W)
				level := w.at(u*cos-v*sin+dx, u*sin+v*cos)*gain + lift + 2*r.NormFloat64()
				s := int(max(0, min(255, level))/255*float64(int(1)<<c.Depth-1)) << c.Shift
				at := y*pl.Stride + x*c.Step + c.Offset
				pl.Data[at] = byte(s)
				if c.Bytes() == 2 {
					pl.Data[at+1] = byte(s >> 8)
				}
			}
		}
	}
}

var i420p10 = frame.Planar("I420_10LE", 10, 1, 1)

func TestCutsInEveryLayout(t *testing.T) {
	a, b := newWaves(1), newWaves(2)
	for _, l := range []*frame.Layout{frame.I420, i420p10, frame.NV12, frame.P010, frame.RGB24, frame.RGBA, frame.Gray8, frame.Y444} {
		t.Run(l.Name, func(t *testing.T) {
			p := frame.New(l, 161, 91)
			var d CutDetector
			for i := range 40 {
				w := a
				if i >= 20 {
					w = b
				}
				w.draw(p, 0.01*float64(i), 0, 1, 0, uint64(i))
				c, err := d.Next(p)
				if err != nil {
					t.Fatal(err)
				}
				if c.Cut != (i == 20) {
					t.Errorf("picture %d: cut %v, score %.3f, threshold %.3f", i, c.Cut, c.Score, c.Threshold)
				}
			}
		})
	}
}

func TestNoCuts(t *testing.T) {
	for name, draw := range map[string]func(w *waves, p *frame.Picture, i int){
		"still":  func(w *waves, p *frame.Picture, i int) { w.draw(p, 0, 0, 1, 0, uint64(i)) },
		"pan":    func(w *waves, p *frame.Picture, i int) { w.draw(p, 0.04*float64(i), 0, 1, 0, uint64(i)) },
		"shake":  func(w *waves, p *frame.Picture, i int) { w.draw(p, 0.05*(hash(i, 1)-0.5), 0, 1, 0, uint64(i)) },
		"roll":   func(w *waves, p *frame.Picture, i int) { w.draw(p, 0, 0.05*float64(i), 1, 0, uint64(i)) },
		"bright": func(w *waves, p *frame.Picture, i int) { w.draw(p, 0, 0, 1, 50*float64(i%2), uint64(i)) },
		"fade":   func(w *waves, p *frame.Picture, i int) { w.draw(p, 0, 0, 1-float64(i)/44, 0, uint64(i)) },
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(4) {
				w, p := newWaves(seed), frame.New(frame.Gray8, 160, 90)
				var d CutDetector
				for i := range 40 {
					draw(w, p, i)
					if c, err := d.Next(p); err != nil || c.Cut {
						t.Errorf("seed %d picture %d: cut %v (score %.3f, threshold %.3f), error %v", seed, i, c.Cut, c.Score, c.Threshold, err)
					}
				}
			}
		})
	}
}

// TestFlash: a burnt-out picture may be taken for a cut, but its end may not, and the flash is named.
func TestFlash(t *testing.T) {
	w, p := newWaves(1), frame.New(frame.Gray8, 160, 90)
	var d CutDetector
	cuts, flashes := 0, []int(nil)
	for i := range 40 {
		lift := 0.0
		if i == 20 {
			lift = 230
		}
		w.draw(p, 0.003*float64(i), 0, 1, lift, uint64(i))
		c, err := d.Next(p)
		if err != nil {
			t.Fatal(err)
		}
		if c.Cut {
			cuts++
		}
		if c.Flash {
			flashes = append(flashes, i)
		}
	}
	if cuts > 1 || !slices.Equal(flashes, []int{21}) {
		t.Errorf("%d cuts, flashes end at %v; want at most 1, and [21]", cuts, flashes)
	}
}

func TestCutDetectorRefusesBadPictures(t *testing.T) {
	var d CutDetector
	p := frame.New(frame.Gray8, 64, 64)
	p.Planes[0].Data = p.Planes[0].Data[:100]
	if _, err := d.Next(p); err == nil {
		t.Error("a picture with too little memory was read")
	}
	for _, size := range [][2]int{{1, 1}, {3, 2}, {17, 5}, {64, 36}} {
		if _, err := d.Next(frame.New(frame.NV12, size[0], size[1])); err != nil {
			t.Errorf("%v: %v", size, err)
		}
	}
}

func TestCutDetectorAllocatesNothing(t *testing.T) {
	var d CutDetector
	p := frame.New(frame.I420, 640, 360)
	newWaves(1).draw(p, 0, 0, 1, 0, 1)
	if n := testing.AllocsPerRun(20, func() {
		if _, err := d.Next(p); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations per picture", n)
	}
}

// eachChange decodes a film by the ffmpeg tool's args, to grey pictures of 640×360, and tells what the detector says of each.
func eachChange(t *testing.T, tell func(n int, c Cut), args ...string) {
	t.Helper()
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		require.Missing(t, "av", "the ffmpeg tool is not installed")
	}
	cmd := exec.Command(ffmpeg, append(append([]string{"-v", "error"}, args...), "-pix_fmt", "gray", "-f", "rawvideo", "-")...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var d CutDetector
	p, n := frame.New(frame.Gray8, 640, 360), 0
	for ; ; n++ {
		if _, err := io.ReadFull(out, p.Planes[0].Data); err != nil {
			break
		}
		c, err := d.Next(p)
		if err != nil {
			t.Fatal(err)
		}
		tell(n, c)
	}
	if err := cmd.Wait(); err != nil || n < 20 {
		t.Fatalf("%d frames decoded: %v", n, err)
	}
}

// TestCutsOfRealClips decodes two clips of the shared test data where they and ffmpeg are at hand.
func TestCutsOfRealClips(t *testing.T) {
	if testing.Short() {
		t.Skip("decodes clips: not with -short")
	}
	dir := filepath.Join("..", "..", "..", "shared", "testdata", "video")
	for name, want := range map[string][]int{
		"asl_cuts_720p_audio.mp4": {42, 84, 126, 168, 210, 252, 294, 336, 378},
		"portraits_pan_1080p.mp4": nil,
		"hard_roll_720p.mp4":      nil,
	} {
		t.Run(name, func(t *testing.T) {
			clip := filepath.Join(dir, name)
			if _, err := os.Stat(clip); err != nil {
				t.Skipf("shared test data is not here: %v", err)
			}
			var got []int
			eachChange(t, func(n int, c Cut) {
				if c.Cut {
					got = append(got, n)
				}
			}, "-i", clip, "-vf", "scale=640:360")
			if !slices.Equal(got, want) {
				t.Errorf("cuts at %v, want %v", got, want)
			}
		})
	}
}

func BenchmarkCutDetector(b *testing.B) {
	for _, moving := range []bool{false, true} {
		b.Run(fmt.Sprintf("1080p/moving=%v", moving), func(b *testing.B) {
			var p [2]*frame.Picture
			for i := range p {
				p[i] = frame.New(frame.I420, 1920, 1080)
				dx := 0.0
				if moving {
					dx = 0.02 * float64(i)
				}
				newWaves(1).draw(p[i], dx, 0, 1, 0, uint64(i))
			}
			var d CutDetector
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := d.Next(p[i%2]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
