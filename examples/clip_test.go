//go:build e2e

package examples

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const sample = "examples/sample/sample.mp4"

// The still: a picture of the sample with one person in it, again and again. Whatever part of a live stream arrives, each of
// its pictures can be compared with it.
const (
	stillFrame        = 20
	stillCrop         = "crop=608:342:8:118,scale=320:180:flags=area"
	stillW, stillH    = 320, 180
	stillX, stillY    = 8, 118
	stillScale        = 320. / 608
	leastChange       = 6.  // mean grey levels in a face's middle: of the still .5 when it is encoded again, 41 and more when it is redacted
	mostNoise         = 5.  // mean grey levels far from all faces
	marginOfFace      = .75 // of a box, around it: the oval covers forehead and jaw, and a halo of the encoder's
	smallestOfFacesPx = 24
)

type box [4]float64 // x, y, w, h

// truth are the boxes of the faces of a frame of the sample, px of 1280×720.
func truth(t *testing.T, frame int) (boxes []box) {
	t.Helper()
	var doc struct {
		Faces [][]struct{ Box box }
	}
	b, err := os.ReadFile("examples/sample/truth.json")
	if err == nil {
		err = json.Unmarshal(b, &doc)
	}
	if err != nil || frame >= len(doc.Faces) {
		t.Fatalf("truth of frame %d: %v", frame, err)
	}
	for _, f := range doc.Faces[frame] {
		boxes = append(boxes, f.Box)
	}
	return boxes
}

// stillFace is the one face of the still, in its pixels.
func stillFace(t *testing.T) []box {
	for _, b := range truth(t, stillFrame) {
		if b[0] > stillX && b[0]+b[2] < stillX+608 && b[1] > stillY {
			return []box{{(b[0] - stillX) * stillScale, (b[1] - stillY) * stillScale, b[2] * stillScale, b[3] * stillScale}}
		}
	}
	t.Fatal("the still holds no face")
	return nil
}

// stillClip writes n pictures of the still, 25 a second, and returns the file and the grey picture.
func stillClip(t *testing.T, n int) (clip string, want []byte) {
	t.Helper()
	clip = filepath.Join(t.TempDir(), "still.mp4")
	tool(t, "ffmpeg", "-nostdin", "-v", "error", "-i", sample, "-vf", fmt.Sprintf("select=eq(n\\,%d),%s,loop=%d:1:0,setpts=N/25/TB", stillFrame, stillCrop, n-1),
		"-r", "25", "-frames:v", fmt.Sprint(n), "-an", "-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-crf", "12", "-g", "10", "-pix_fmt", "yuv420p", clip)
	return clip, grey(t, clip)[:stillW*stillH]
}

func tool(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	var errs bytes.Buffer
	c := exec.Command(name, args...)
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, errs.String())
	}
	return out
}

// grey decodes a video or a picture to its luma, a byte a pixel.
func grey(t *testing.T, video string) []byte {
	t.Helper()
	return tool(t, "ffmpeg", "-nostdin", "-v", "error", "-i", video, "-vsync", "passthrough", "-vf", "format=yuv420p,extractplanes=y", "-f", "rawvideo", "-")
}

// size is a video's width and height.
func size(t *testing.T, video string) (w, h int) {
	t.Helper()
	out := string(tool(t, "ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=width,height", "-of", "csv=p=0", video))
	if n, err := fmt.Sscanf(strings.TrimSpace(strings.SplitN(out, "\n", 2)[0]), "%d,%d", &w, &h); n != 2 {
		t.Fatalf("size of %s: %q, %v", video, out, err)
	}
	return w, h
}

// difference is the mean distance of two grey pictures over the pixels that ask is true for.
func difference(a, b []byte, w int, ask func(x, y float64) bool) float64 {
	var sum, n float64
	for i := range a {
		if ask(float64(i%w)+.5, float64(i/w)+.5) {
			sum += math.Abs(float64(a[i]) - float64(b[i]))
			n++
		}
	}
	if n == 0 {
		return math.NaN()
	}
	return sum / n
}

// middle is the inner half of a face: eyes, nose and mouth.
func (b box) middle(x, y float64) bool {
	dx, dy := (x-b[0]-b[2]/2)/(b[2]*.35), (y-b[1]-b[3]/2)/(b[3]*.35)
	return dx*dx+dy*dy < 1
}

func far(boxes []box) func(x, y float64) bool {
	return func(x, y float64) bool {
		for _, b := range boxes {
			if x > b[0]-marginOfFace*b[2] && x < b[0]+(1+marginOfFace)*b[2] && y > b[1]-marginOfFace*b[3] && y < b[1]+(1+marginOfFace)*b[3] {
				return false
			}
		}
		return true
	}
}

// compare wants every face of a picture replaced or covered, and the rest as it was.
func compare(t *testing.T, frame int, got, clear []byte, w int, faces []box) {
	t.Helper()
	for _, b := range faces {
		if b[3] < smallestOfFacesPx {
			continue
		}
		if d := difference(got, clear, w, b.middle); !(d > leastChange) {
			t.Errorf("picture %d: the face at %.0f changed by %.1f levels only: it is clear", frame, b, d)
		}
	}
	if d := difference(got, clear, w, far(faces)); !(d < mostNoise) {
		t.Errorf("picture %d: the background changed by %.1f levels", frame, d)
	}
}

// redacted wants at least `least` pictures of the still in video, all of them redacted.
func redacted(t *testing.T, video string, still []byte, least int) {
	t.Helper()
	pictures := grey(t, video)
	n := len(pictures) / len(still)
	if n < least || len(pictures)%len(still) != 0 {
		t.Fatalf("%s: %d pictures (%d bytes), want %d at least", filepath.Base(video), n, len(pictures), least)
	}
	for i := range n {
		compare(t, i, pictures[i*len(still):(i+1)*len(still)], still, stillW, stillFace(t))
	}
	t.Logf("%s: %d pictures, every one redacted", filepath.Base(video), n)
}
