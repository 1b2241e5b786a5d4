//go:build e2e

package ffcli

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/ksamenet/ksamenet/core/attack"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/internal/require"
	"github.com/ksamenet/ksamenet/internal/testvideo"
)

// leakPictures is how many pictures of each person are redacted and attacked.
const leakPictures = 6

// Twelve people of the clips in KSAMENET_CLIPS, stills and films, each redacted with a surrogate of its own draw, attacked with
// pictures of the same recording: the attacker's best case. The same outputs, with the surrogate's colours bent locally to the
// original's low frequencies (what docs/guarantee.md forbids), must be recognised by both networks: a test that cannot see a
// leak proves nothing. What is found without that is logged, and must stay far below it.
func TestClipsIdentity(t *testing.T) {
	needNetworks(t)
	dir := os.Getenv("KSAMENET_CLIPS")
	if dir == "" {
		require.Missing(t, "clips", "KSAMENET_CLIPS names no folder")
	}
	people := map[string]string{}
	for _, n := range []string{"ardern_2022_pd", "astronaut_collins_nasa_pd", "macron_2025_pd", "obama_senate_pd", "sunak_ccby3"} {
		people[n] = filepath.Join(dir, "images", n+".jpg")
	}
	for _, n := range []string{"asl_brother", "asl_please", "asl_book", "asl_night", "asl_hungry", "intel_head-pose-face-detection-female", "intel_head-pose-face-detection-male"} {
		people[n] = filepath.Join(dir, "video", n+".mp4")
	}
	eyes, err := attack.Open(context.Background(), "", infer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer eyes.Close()
	var clean, local []*attack.Watcher
	for name, source := range people {
		tmp := t.TempDir() // a registry of its own: another draw of donors
		in, out, list := filepath.Join(tmp, "in.mkv"), filepath.Join(tmp, "out.mkv"), filepath.Join(tmp, "cast.json")
		loop := []string{"-i", source}
		if filepath.Ext(source) == ".jpg" {
			loop = []string{"-loop", "1", "-i", source}
		}
		testvideo.FFmpeg(t, tmp, append(loop, "-an", "-frames:v", strconv.Itoa(leakPictures), "-vf", "crop=trunc(iw/2)*2:trunc(ih/2)*2,format=yuv420p", "-c:v", "ffv1", in)...)
		mustRun(t, tmp, "registry", "init")
		mustRun(t, tmp, "analyze", in, "-o", list, "--uncertified")
		mustRun(t, tmp, "render", in, "-o", out, "--decisions", list, "--uncertified", "--codec", "libx264", "--crf", "12")
		d := duel{original: in, output: out, decisions: list, person: name}
		clean = append(clean, watch(t, eyes, d, nil))
		local = append(local, watch(t, eyes, d, localColour))
	}
	hits := map[string]int{}
	for _, tc := range []struct {
		name string
		all  []*attack.Watcher
	}{{"as it is", clean}, {"local colour transfer", local}} {
		all, err := attack.Identify(tc.all, tc.all)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range all {
			t.Logf("%s: %s, %s, %s: %d of %d (%.2f to %.2f, chance %.2f), holds %v", tc.name, a.Attack, a.Recognizer, a.Channel, a.Hits, a.People,
				a.Low, a.High, a.Chance, a.Holds)
			if a.Attack != attack.Naive || a.Channel != attack.FaceOnly {
				continue
			}
			if a.People != len(people) {
				t.Errorf("%s: %d people, want %d", tc.name, a.People, len(people))
			}
			hits[tc.name] += a.Hits
			if tc.name != "as it is" && a.Holds {
				t.Errorf("%s does not see a colour transfer that leaks: %d of %d", a.Recognizer, a.Hits, a.People)
			}
		}
	}
	// Twelve people with donors drawn anew each time cannot show that nothing leaks (docs/attack.md has what was counted); they do show
	// that what leaks is far from what a local transfer gives away.
	if 3*hits["as it is"] > 2*hits["local colour transfer"] {
		t.Errorf("%d hits as it is, %d with a local colour transfer", hits["as it is"], hits["local colour transfer"])
	}
}

// watch looks at a pair; bend, if any, changes the output's picture before that.
func watch(t *testing.T, eyes *attack.Eyes, d duel, bend func(original, output *frame.Picture, face frame.Rect)) *attack.Watcher {
	t.Helper()
	w, err := attack.NewWatcher(eyes, attack.Config{Every: 1})
	if err != nil {
		t.Fatal(err)
	}
	faces, err := facesOf(eyes, d)
	if err != nil {
		t.Fatal(err)
	}
	err = decodePair(t.Context(), d.original, d.output, func(original, output *frame.Picture) error {
		f, err := faces(t.Context(), original)
		if err != nil {
			return err
		}
		copied := frame.New(frame.I420, output.W, output.H)
		copied.Index, copied.Matrix, copied.FullRange = output.Index, output.Matrix, output.FullRange
		for i := range copied.Planes {
			for y := range copied.Planes[i].H {
				copy(copied.Planes[i].Data[y*copied.Planes[i].Stride:][:copied.Planes[i].W], output.Planes[i].Data[y*output.Planes[i].Stride:])
			}
		}
		for i := range f {
			if bend != nil {
				bend(original, copied, f[i].Box)
			}
		}
		return w.Pair(t.Context(), original, copied, f)
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// localColour is the compositor's tone stage as it must never be: inside the face the surrogate takes over the original's
// low frequencies, surrogate × blur(original) / blur(surrogate), luma and chroma, with a blur over an eleventh of the face.
// It lives in this test alone.
func localColour(original, output *frame.Picture, face frame.Rect) {
	for i := range output.Planes {
		p, o := &output.Planes[i], &original.Planes[i]
		s := float64(p.W) / float64(output.W)
		x0, y0 := int(max(0, face.X0*s)), int(max(0, face.Y0*s))
		x1, y1 := min(p.W, int(face.X1*s)), min(p.H, int(face.Y1*s))
		r := max(1, int((face.X1-face.X0)*s/22))
		a, b := blurred(o, x0, y0, x1, y1, r), blurred(p, x0, y0, x1, y1, r)
		for y := y0; y < y1; y++ {
			for x := x0; x < x1; x++ {
				u, v := (float64(x-x0)+.5)/float64(x1-x0)*2-1, (float64(y-y0)+.5)/float64(y1-y0)*2-1
				if u*u+v*v > 1 {
					continue
				}
				k := (y-y0)*(x1-x0) + x - x0
				c := &p.Data[y*p.Stride+x]
				w := float64(*c)
				if i == 0 {
					w = 16 + (w-16)*(a[k]-15)/(b[k]-15)
				} else {
					w += a[k] - b[k]
				}
				*c = byte(math.Round(min(max(w, 0), 255)))
			}
		}
	}
}

// blurred is the part x0..x1, y0..y1 of a plane, each sample the mean of (2r+1)² around it.
func blurred(p *frame.Plane, x0, y0, x1, y1, r int) []float64 {
	out := make([]float64, 0, (x1-x0)*(y1-y0))
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			var sum, n float64
			for j := max(0, y-r); j <= min(p.H-1, y+r); j++ {
				for i := max(0, x-r); i <= min(p.W-1, x+r); i++ {
					sum, n = sum+float64(p.Data[j*p.Stride+i]), n+1
				}
			}
			out = append(out, sum/n)
		}
	}
	return out
}
