// Package testface gives the tests of the face stages something to look at: a small rendered picture with known faces,
// and the pretrained models where they are installed.
package testface

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/internal/require"
	"github.com/ksamenet/ksamenet/models"
)

// faces.jpg and truth.json are made by make.py, beside them.
var (
	//go:embed faces.jpg
	faces []byte
	//go:embed truth.json
	truth []byte
)

// Face is what the renderer knows of one face. Signs as in core/appearance; Roll > 0 is counter-clockwise, degrees.
type Face struct {
	Box              [4]float64         // of the 468 landmarks, px: x0, y0, x1, y1
	Points           [5][2]float64      // eyes, nose tip, mouth corners; picture left first
	Yaw, Pitch, Roll float64            // degrees
	Units            map[string]float64 // the renderer's names of the expression units
	Gaze             [2]float64         // yaw, pitch
}

// Picture is the rendered picture: three synthetic heads, 640×360, 4:2:0.
func Picture(t testing.TB) *frame.Picture { return decode(t, faces) }

// Truth describes the faces of Picture.
func Truth(t testing.TB) (f []Face) {
	t.Helper()
	if err := json.Unmarshal(truth, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// Shared reads a file of the team's shared test data, which does not travel with the project, and skips without it.
func Shared(t testing.TB, name string) []byte {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	b, err := os.ReadFile(filepath.Join(filepath.Dir(here), "../../../shared", name))
	if err != nil {
		t.Skipf("no shared test data: %v", err)
	}
	return b
}

// SharedPicture is a JPEG of the shared test data.
func SharedPicture(t testing.TB, name string) *frame.Picture { return decode(t, Shared(t, name)) }

// decode lends a JPEG's planes as a Picture: full range, BT.601 (JFIF).
func decode(t testing.TB, b []byte) *frame.Picture {
	t.Helper()
	m, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c, ok := m.(*image.YCbCr)
	if !ok {
		t.Fatalf("JPEG of type %T, want Y'CbCr", m)
	}
	l := map[image.YCbCrSubsampleRatio]*frame.Layout{
		image.YCbCrSubsampleRatio420: frame.I420, image.YCbCrSubsampleRatio422: frame.Y42B, image.YCbCrSubsampleRatio444: frame.Y444,
	}[c.SubsampleRatio]
	p := &frame.Picture{W: c.Rect.Dx(), H: c.Rect.Dy(), Layout: l, Matrix: frame.BT601, FullRange: true}
	p.Planes = []frame.Plane{{Data: c.Y, Stride: c.YStride}, {Data: c.Cb, Stride: c.CStride}, {Data: c.Cr, Stride: c.CStride}}
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	for i := range p.Planes {
		p.Planes[i].W, p.Planes[i].H = p.Size(i)
	}
	return p
}

// Engine opens an installed model by its name in models/, and skips when it or ONNX Runtime is missing. The test's end
// closes it.
func Engine(t testing.TB, name string) infer.Engine {
	t.Helper()
	m, b, err := models.DefaultStore("").Load(name)
	if err != nil {
		require.Missing(t, "models", err.Error())
	}
	e, err := infer.Open(m, b, infer.Options{Backend: infer.ONNXRuntime, Threads: 1})
	if errors.Is(err, infer.ErrLibrary) {
		require.Missing(t, "ort", err.Error())
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}
