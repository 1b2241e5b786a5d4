package generator

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"github.com/ksamenet/ksamenet/core/appearance"
	"github.com/ksamenet/ksamenet/core/infer"
)

// Scales of the network's inputs, in degrees per unit.
const (
	gazeUnit  = 15
	yawUnit   = 60
	pitchUnit = 30
)

const outputName = "rgba"

// inputSizes are the row lengths of the inputs besides mix, whose length is the model's number of donors.
var inputSizes = map[string]int64{"expression": appearance.Units, "gaze": 2, "pose": 2, "light": lightSize}

// inspect finds the number of donors and the patch's side in a model's tensors.
func inspect(have []infer.Tensor) (donors, size int, err error) {
	seen := map[string]bool{}
	for _, t := range have {
		if t.Type != infer.Float32 {
			return 0, 0, fmt.Errorf("%w: tensor %q is %s, want float32", ErrModel, t.Name, t.Type)
		}
		want, known := inputSizes[t.Name]
		switch {
		case t.Input && t.Name == "mix" && len(t.Shape) == 2 && t.Shape[1] >= 2:
			donors = int(t.Shape[1])
		case t.Input && known && len(t.Shape) == 2 && t.Shape[1] == want:
		case !t.Input && t.Name == outputName && len(t.Shape) == 4 && t.Shape[1] == 4 && t.Shape[2] == t.Shape[3] && t.Shape[2] >= 32 && t.Shape[2] <= 1024 && t.Shape[2]%16 == 0:
			size = int(t.Shape[2])
		default:
			return 0, 0, fmt.Errorf("%w: tensor %q of shape %v", ErrModel, t.Name, t.Shape)
		}
		seen[t.Name] = true
	}
	for name := range inputSizes {
		if !seen[name] {
			return 0, 0, fmt.Errorf("%w: no tensor %q", ErrModel, name)
		}
	}
	if donors == 0 || size == 0 {
		return 0, 0, fmt.Errorf("%w: no tensor \"mix\" or %q", ErrModel, outputName)
	}
	return donors, size, nil
}

// shapes are the inputs' shapes for a number of rows.
func shapes(donors, rows int) map[string][]int64 {
	s := map[string][]int64{"mix": {int64(rows), int64(donors)}}
	for name, n := range inputSizes {
		s[name] = []int64{int64(rows), n}
	}
	return s
}

// mixRows turns donor lists into rows of the mix input: k entries of 1/k, all others 0 (invariant I3).
func mixRows(mixes map[ClusterID][]int, donors int) (map[ClusterID]*tensor.Dense, error) {
	rows := make(map[ClusterID]*tensor.Dense, len(mixes))
	for id, list := range mixes {
		if len(list) == 0 {
			return nil, fmt.Errorf("%w: cluster %d has no donors", ErrMix, id)
		}
		w := make([]float32, donors)
		for _, d := range list {
			if d < 0 || d >= donors || w[d] != 0 {
				return nil, fmt.Errorf("%w: cluster %d: donor %d of %v; the model has %d, each may occur once", ErrMix, id, d, list, donors)
			}
			w[d] = 1 / float32(len(list))
		}
		rows[id] = tensor.New(tensor.WithShape(1, donors), tensor.WithBacking(w))
	}
	return rows, nil
}

// inputs are a session's own input memory; mix holds a tensor over each row.
type inputs struct {
	mix                           []*tensor.Dense
	expression, gaze, pose, light []float32
}

// bind makes inputs of a session, whose shapes never change hereafter, so that its memory stays where it is.
func bind(s infer.Session, donors, rows int) (inputs, error) {
	get := func(name string, n int) []float32 {
		d := s.Data(name)
		if len(d) != n*rows {
			return nil
		}
		return d
	}
	mix := get("mix", donors)
	in := inputs{expression: get("expression", appearance.Units), gaze: get("gaze", 2), pose: get("pose", 2), light: get("light", lightSize)}
	if slices.ContainsFunc([][]float32{mix, in.expression, in.gaze, in.pose, in.light}, func(d []float32) bool { return d == nil }) {
		return inputs{}, fmt.Errorf("%w: the session's inputs have other sizes than were asked for", infer.ErrShape)
	}
	for k := range rows {
		in.mix = append(in.mix, tensor.New(tensor.WithShape(1, donors), tensor.WithBacking(mix[k*donors:(k+1)*donors])))
	}
	return in, nil
}

// set fills row k for one rendering.
func (in *inputs) set(k int, j *job) error {
	if err := tensor.Copy(in.mix[k], j.mix); err != nil {
		return fmt.Errorf("generator: mix: %w", err)
	}
	v := j.req.Look.Values()
	v.Expression[appearance.MouthOpen] = j.mouth
	for i, e := range v.Expression {
		in.expression[k*appearance.Units+i] = float32(e)
	}
	in.gaze[2*k], in.gaze[2*k+1] = float32(v.GazeYaw/gazeUnit), float32(v.GazePitch/gazeUnit)
	in.pose[2*k], in.pose[2*k+1] = float32(v.Yaw/yawUnit), float32(v.Pitch/pitchUnit)
	copy(in.light[k*lightSize:], j.light[:])
	return nil
}
