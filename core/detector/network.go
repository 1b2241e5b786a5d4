package detector

import (
	"fmt"

	"github.com/ksamenet/ksamenet/core/infer"
)

// network is a detection head. All take one planar picture of 0..255 whose sides are multiples of 32.
type network interface {
	name() string
	input() string
	bgr() bool
	score() float64 // default threshold
	// shapes are the outputs' for a w×h input: what an engine would have to find out by a run.
	shapes(w, h int64) map[string][]int64
	// decode appends the candidates of one w×h input, in input px. data gives an output tensor's values.
	decode(data func(string) []float32, w, h int, score float64, out []Detection) ([]Detection, error)
}

// identify tells the network by its tensors' names.
func identify(ts []infer.Tensor) (network, error) {
	in, have := "", map[string]bool{}
	for _, t := range ts {
		if t.Input {
			in = t.Name
		}
		have[t.Name] = true
	}
	switch {
	case have["537"] && have["538"] && have["539"] && have["540"]:
		return centerFace{in}, nil
	case have["cls_8"] && have["obj_8"] && have["bbox_8"] && have["kps_8"]:
		return yuNet{in}, nil
	}
	return nil, fmt.Errorf("%w: not a detector that is known (tensors %v)", infer.ErrModel, ts)
}

// output fetches a tensor of n values and checks that all are finite.
func output(data func(string) []float32, name string, n int) ([]float32, error) {
	v := data(name)
	if len(v) != n {
		return nil, fmt.Errorf("%w: %q has %d values, want %d", ErrOutput, name, len(v), n)
	}
	var poison float32 // stays 0 unless a value is NaN or infinite
	for _, x := range v {
		poison += x * 0
	}
	if poison != 0 {
		return nil, fmt.Errorf("%w: %q holds NaN or infinity", ErrOutput, name)
	}
	return v, nil
}
