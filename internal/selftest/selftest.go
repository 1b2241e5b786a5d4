// Package selftest runs every network of the program on fixed inputs, on every engine there is, and compares and times them.
// It is what `ksamenet doctor --selftest` shows, and what the engines' own tests use: one set of inputs, one measure.
package selftest

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/ksamenet/ksamenet/core/infer"
)

// face.jpg is a rendered head (internal/testface), golden.json what the networks made of it when they came in: see Golden.
var (
	//go:embed face.jpg
	face []byte
	//go:embed golden.json
	golden []byte
)

// Limits on Difference: what a network may do on another engine and still be the same network. Float32 allows for TensorRT's
// TF32, whose products have 10 bits of mantissa. The float16 versions measure 0.0001 to 0.0052 on ONNX Runtime's CPU, but
// CenterFace 0.036: the sizes that it gives are logarithms (docs/tensorrt.md).
const (
	limitFloat32     = 0.02
	limitFloat16     = 0.01
	limitCenterFace  = 0.05 // in float16
	limitSameMachine = 0.002
)

// Inputs are the inputs of a network at its best shapes, of batch rows where its first dimension is free. Networks that see
// pictures see a face; the others get numbers within the manifest's ranges. They depend on the manifest alone.
func Inputs(m infer.Manifest, batch int64) (shapes map[string][]int64, values map[string][]float32, err error) {
	picture, err := jpeg.Decode(bytes.NewReader(face))
	if err != nil {
		return nil, nil, fmt.Errorf("selftest: %w", err)
	}
	shapes, values = map[string][]int64{}, map[string][]float32{}
	for _, t := range m.Tensors {
		if t.Dir != "input" {
			continue
		}
		shape := slices.Clone(t.Dims)
		if t.Shapes != nil {
			shape = slices.Clone(t.Shapes.Opt)
		}
		if len(t.Dims) > 0 && t.Dims[0] < 0 {
			shape[0] = batch
		}
		n := int64(1)
		for _, d := range shape {
			if d < 1 {
				return nil, nil, fmt.Errorf("selftest: %s: the manifest gives no shape for %s", m.Name, t.ID)
			}
			n *= d
		}
		v := make([]float32, n)
		low, high := -1.0, 1.0
		if len(t.Ranges) == 2 {
			low, high = t.Ranges[0], t.Ranges[1]
		}
		switch {
		case len(shape) == 4 && t.Layout == "NHWC":
			fill(v, picture, shape[1], shape[2], func(p, c, _ int64) int64 { return 3*p + c }, low, high)
		case len(shape) == 4:
			fill(v, picture, shape[2], shape[3], func(p, c, plane int64) int64 { return c*plane + p }, low, high)
		case t.ID == "mix":
			for i := range v { // four donors of each row
				if k := i % int(shape[1]); k%16 == 3 {
					v[i] = 0.25
				}
			}
		default:
			for i := range v {
				v[i] = float32((low+high)/2 + (high-low)/4*math.Sin(float64(i)))
			}
		}
		shapes[t.ID], values[t.ID] = shape, v
	}
	return shapes, values, nil
}

// fill draws the picture into each row of a batch, nearest sample, scaled from 0..255 to low..high.
func fill(v []float32, m image.Image, h, w int64, at func(pixel, channel, plane int64) int64, low, high float64) {
	plane := h * w
	for row := int64(0); row < int64(len(v)); row += 3 * plane {
		for y := range h {
			for x := range w {
				b := m.Bounds()
				r, g, bl, _ := m.At(b.Min.X+int(x*int64(b.Dx())/w), b.Min.Y+int(y*int64(b.Dy())/h)).RGBA()
				for c, s := range []uint32{r, g, bl} {
					v[row+at(y*w+x, int64(c), plane)] = float32(low + float64(s>>8)/255*(high-low))
				}
			}
		}
	}
}

// Run is one network on one engine.
type Run struct {
	Info    infer.Info
	Open    time.Duration // loading, and building where that was needed
	One     time.Duration // the fastest of several runs at batch 1
	Eight   time.Duration // and at batch 8, for networks that take batches; 0 for others
	Outputs map[string][]float32
}

// Measure opens a network, runs it once, and times runs more runs; with 0 it only gives the outputs.
func Measure(ctx context.Context, m infer.Manifest, model []byte, o infer.Options, runs int) (r Run, err error) {
	start := time.Now()
	e, err := infer.Open(m, model, o)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	r.Open, r.Info = time.Since(start), e.Info()
	if r.One, r.Outputs, err = measure(ctx, e, m, 1, runs); err != nil {
		return r, err
	}
	if runs > 0 && (m.Role == "generator" || m.Role == "recognizer") {
		r.Eight, _, err = measure(ctx, e, m, 8, runs)
	}
	return r, err
}

func measure(ctx context.Context, e infer.Engine, m infer.Manifest, batch int64, runs int) (fastest time.Duration, out map[string][]float32, err error) {
	shapes, values, err := Inputs(m, batch)
	if err != nil {
		return 0, nil, err
	}
	s, err := e.NewSession(shapes)
	if err != nil {
		return 0, nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for id, v := range values {
		copy(s.Data(id), v)
	}
	for i := range runs + 1 { // the first one warms up
		start := time.Now()
		if err := s.Run(ctx); err != nil {
			return 0, nil, err
		}
		if took := time.Since(start); i == 1 || i > 1 && took < fastest {
			fastest = took
		}
	}
	out = map[string][]float32{}
	for _, t := range m.Tensors {
		if t.Dir == "output" {
			out[t.ID] = slices.Clone(s.Data(t.ID))
		}
	}
	return fastest, out, nil
}

// Difference is how far two runs' outputs are apart: the root mean square of the differences of an output, in standard
// deviations of its own values but at least a hundredth; the largest of all outputs. Not a number, and outputs of different
// number, are infinitely different.
func Difference(want, got map[string][]float32) float64 {
	worst := 0.0
	for id, a := range want {
		if len(a) != len(got[id]) || len(want) != len(got) {
			return math.Inf(1)
		}
		worst = max(worst, apart(a, got[id], spread(a)))
	}
	return worst
}

// spread is the standard deviation of an output's values.
func spread(v []float32) float64 {
	var sum, squares float64
	for _, x := range v {
		sum, squares = sum+float64(x), squares+float64(x)*float64(x)
	}
	n := float64(len(v))
	return max(math.Sqrt(max(0, squares/n-sum/n*sum/n)), 0.01)
}

func apart(a, b []float32, unit float64) float64 {
	var squares float64
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		squares += d * d
	}
	d := math.Sqrt(squares/float64(max(1, len(a)))) / unit
	if math.IsNaN(d) {
		return math.Inf(1)
	}
	return d
}

// samples is how many values of each output are kept as golden ones.
const samples = 24

// Sample picks the values of an output that golden.json keeps.
func Sample(v []float32) []float32 {
	out := make([]float32, min(samples, len(v)))
	for i := range out {
		out[i] = v[i*len(v)/len(out)]
	}
	return out
}

// Golden are the values that a network gave when it came in, by output: Sample of batch 1 on ONNX Runtime's CPU. They are
// kept by the model's sha256; nil for a network that is newer than this list.
func Golden(m infer.Manifest) (map[string][]float32, error) {
	var all map[string]struct{ Outputs map[string][]float32 }
	if err := json.Unmarshal(golden, &all); err != nil {
		return nil, fmt.Errorf("selftest: golden values: %w", err)
	}
	return all[m.SHA256].Outputs, nil
}

// GoldenDifference is Difference between golden values and the same samples of an output.
func GoldenDifference(want, got map[string][]float32) float64 {
	worst := 0.0
	for id, w := range want {
		have := Sample(got[id])
		if len(w) != len(have) {
			return math.Inf(1)
		}
		worst = max(worst, apart(w, have, spread(got[id])))
	}
	return worst
}

// Limit is what Difference may be for a network on an engine of that name.
func Limit(network, backend string) float64 {
	switch {
	case !strings.HasSuffix(backend, ":fp16"):
		return limitFloat32
	case network == "centerface":
		return limitCenterFace
	}
	return limitFloat16
}
