package onnxfile

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// Half is a version of the model that computes in float16 where that pays and does no harm; inputs and outputs stay
// float32. TensorRT from 11 on and TensorRT-RTX take precisions from the model alone: this is what they are given.
//
//   - Convolutions and products with constant weights compute in float16, but for those from which a way leads to an output
//     past no further one: nothing would average their rounding away.
//   - What lies between them (activations, sums, resizing, …) computes in float16 if all that it reads is float16.
//   - All else, and what has a weight beyond float16's range, stays float32. So does the geometry of the face mesh.
//
// The result depends on the model's bytes alone.
func Half(model []byte) ([]byte, error) {
	fs, err := fields(model)
	if err != nil {
		return nil, err
	}
	var out []byte
	found := false
	for _, f := range fs {
		if f.number != modelGraph {
			out = append(out, f.raw...)
			continue
		}
		g, err := readGraph(f.content)
		if err != nil {
			return nil, err
		}
		found = true
		h := &halver{g: g, half: map[string]bool{}, exposed: map[string]bool{}, halfOf: map[string]string{}, floatOf: map[string]string{}}
		if err := h.rewrite(); err != nil {
			return nil, err
		}
		out = appendBytes(out, modelGraph, g.write())
	}
	if !found {
		return nil, fmt.Errorf("%w: no graph", ErrFormat)
	}
	return out, nil
}

var (
	heavyOps  = []string{"Conv", "ConvTranspose", "Gemm", "MatMul"}
	followOps = []string{"Add", "AveragePool", "BatchNormalization", "Clip", "Concat", "DepthToSpace", "Flatten", "Gather",
		"GlobalAveragePool", "Identity", "LeakyRelu", "MaxPool", "Mul", "PRelu", "Pad", "Relu", "Reshape", "Resize", "Sigmoid",
		"Slice", "Split", "Squeeze", "Sub", "Transpose", "Unsqueeze"}
	// Results that are no floats whatever is read.
	integralOps = []string{"And", "ArgMax", "ArgMin", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "NonZero", "Not", "Or", "Shape", "Size"}
)

const maxHalf = 65504

type halver struct {
	g       *graph
	half    map[string]bool   // tensors that are float16 in the new graph
	exposed map[string]bool   // tensors that reach an output past no heavy operator
	halfOf  map[string]string // the float16 version of a float32 tensor
	floatOf map[string]string // and the other way
	nodes   []*node
}

func (h *halver) rewrite() error {
	h.kinds()
	h.expose()
	for _, n := range h.g.nodes {
		if !h.computesHalf(n) {
			for i, in := range n.inputs {
				if h.half[in] {
					n.inputs[i] = h.asFloat(in)
				}
			}
			h.nodes = append(h.nodes, n)
			continue
		}
		if n.op == "BatchNormalization" {
			h.fold(n)
		}
		for i, in := range n.inputs {
			if h.g.floats[in] && !h.half[in] && !(n.op == "Resize" && i > 0) { // Resize's scales are float32 by definition
				n.inputs[i] = h.asHalf(in)
			}
		}
		for _, out := range n.outputs {
			if h.g.outputs[out] {
				return fmt.Errorf("%w: output %q of %s came out as float16", ErrFormat, out, n.op)
			}
			h.half[out] = true
		}
		h.nodes = append(h.nodes, n)
	}
	h.g.nodes = h.nodes
	return nil
}

// kinds finds out which tensors are float32, which are constants, and which are float16 weights widened by a Cast.
func (h *halver) kinds() {
	g := h.g
	for _, n := range g.nodes {
		isFloat := false
		switch {
		case n.op == "Cast":
			isFloat = n.ints["to"] == float32Type
			if c := g.initializers[n.inputs[0]]; isFloat && c != nil && c.kind == float16Type {
				h.halfOf[n.outputs[0]] = n.inputs[0]
			}
		case n.op == "Constant":
			if n.value != nil {
				isFloat = n.value.kind == float32Type
			}
		case slices.Contains(integralOps, n.op):
		case n.op == "Where":
			isFloat = len(n.inputs) > 1 && g.floats[n.inputs[1]]
		default:
			isFloat = len(n.inputs) > 0 && g.floats[n.inputs[0]]
		}
		for _, out := range n.outputs {
			g.floats[out] = isFloat
		}
		if n.op == "Constant" && isFloat {
			// As an initializer it can be narrowed; the node goes when nothing uses it.
			g.initializers[n.outputs[0]] = n.value
		}
	}
}

// expose walks from the outputs back to the first heavy operators.
func (h *halver) expose() {
	for out := range h.g.outputs {
		h.exposed[out] = true
	}
	for _, n := range slices.Backward(h.g.nodes) {
		if h.heavy(n) || !slices.ContainsFunc(n.outputs, func(o string) bool { return h.exposed[o] }) {
			continue
		}
		for _, in := range n.inputs {
			h.exposed[in] = true
		}
	}
}

func (h *halver) constant(name string) bool {
	return h.g.initializers[name] != nil || h.halfOf[name] != "" && h.g.initializers[h.halfOf[name]] != nil
}

func (h *halver) heavy(n *node) bool {
	return slices.Contains(heavyOps, n.op) && len(n.inputs) > 1 && h.g.floats[n.inputs[1]] && h.constant(n.inputs[1])
}

func (h *halver) computesHalf(n *node) bool {
	heavy := h.heavy(n)
	if !heavy && !slices.Contains(followOps, n.op) || !h.g.floats[n.outputs[0]] {
		return false
	}
	if heavy && slices.ContainsFunc(n.outputs, func(o string) bool { return h.exposed[o] }) {
		return false
	}
	reads := false
	for i, in := range n.inputs {
		switch {
		case !h.g.floats[in] || n.op == "Resize" && i > 0:
		case h.constant(in):
			if c := h.g.initializers[in]; c != nil && n.op != "BatchNormalization" && !narrow(c.floats) {
				return false
			}
		case !heavy && !h.half[in]:
			return false
		default:
			reads = true
		}
	}
	if reads && n.op == "BatchNormalization" {
		scale, shift := h.folded(n)
		return narrow(scale) && narrow(shift)
	}
	return reads
}

func narrow(v []float32) bool {
	return !slices.ContainsFunc(v, func(x float32) bool { return !(math.Abs(float64(x)) <= maxHalf) })
}

// folded is a normalisation as one factor and one summand a channel. Nil, which is narrow, never occurs: not all four
// parameters being constants makes one that is not.
func (h *halver) folded(n *node) (scale, shift []float32) {
	var p [4][]float32
	for i := range p {
		c := h.g.initializers[n.inputs[1+i]]
		if c == nil || i > 0 && len(c.floats) != len(p[0]) {
			return []float32{float32(math.Inf(1))}, nil
		}
		p[i] = c.floats
	}
	epsilon, given := n.floats["epsilon"]
	if !given {
		epsilon = 1e-5 // the operator's default
	}
	for i := range p[0] {
		a := float64(p[0][i]) / math.Sqrt(float64(p[3][i])+epsilon)
		scale = append(scale, float32(a))
		shift = append(shift, float32(float64(p[1][i])-a*float64(p[2][i])))
	}
	return scale, shift
}

// fold replaces the parameters of a normalisation, whose variances may lie below what float16 can tell from zero, by ones
// with mean 0 and variance 1. The epsilon that stays changes the factor by 5e-6, a hundredth of float16's rounding.
func (h *halver) fold(n *node) {
	scale, shift := h.folded(n)
	ones, zeros := make([]float32, len(scale)), make([]float32, len(scale))
	for i := range ones {
		ones[i] = 1
	}
	for i, v := range [][]float32{scale, shift, zeros, ones} {
		name := fmt.Sprintf("%s/folded%d", n.outputs[0], i)
		h.g.initializers[name] = &constant{kind: float32Type, dims: []int64{int64(len(v))}, floats: v}
		h.g.floats[name] = true
		n.inputs[1+i] = name
	}
}

// asHalf is the float16 version of a float32 tensor: a narrowed constant, or a Cast.
func (h *halver) asHalf(name string) string {
	if done := h.halfOf[name]; done != "" {
		return done
	}
	to := name + "/float16"
	h.halfOf[name] = to
	c := h.g.initializers[name]
	if c == nil {
		h.nodes = append(h.nodes, castNode(name, to, float16Type))
		return to
	}
	var raw, b []byte
	for _, v := range c.floats {
		raw = binary.LittleEndian.AppendUint16(raw, toHalf(v))
	}
	for _, d := range c.dims {
		b = appendInt(b, tensorDims, uint64(d))
	}
	b = appendInt(b, tensorType, float16Type)
	b = appendBytes(b, tensorName, []byte(to))
	b = appendBytes(b, tensorRaw, raw)
	h.g.initializers[to] = &constant{kind: float16Type, dims: c.dims, raw: b}
	h.g.order = append(h.g.order, to)
	return to
}

// asFloat is the float32 version of a float16 tensor.
func (h *halver) asFloat(name string) string {
	if done := h.floatOf[name]; done != "" {
		return done
	}
	to := name + "/float32"
	h.floatOf[name] = to
	h.nodes = append(h.nodes, castNode(name, to, float32Type))
	return to
}

// toHalf rounds to the nearest float16, ties to even. Source: IEEE 754-2019, 4.3.1 and 7.4.
func toHalf(v float32) uint16 {
	bits := math.Float32bits(v)
	sign := uint16(bits >> 16 & 0x8000)
	exponent := int(bits>>23&0xff) - 127 + 15
	mantissa := bits & 0x7fffff
	switch {
	case bits&0x7fffffff > 0x7f800000: // NaN
		return sign | 0x7e00
	case exponent >= 31:
		return sign | 0x7c00
	case exponent <= 0: // subnormal, or zero
		if exponent < -10 {
			return sign
		}
		mantissa |= 0x800000
		shift := uint(14 - exponent)
		return sign | uint16(roundShift(mantissa, shift))
	}
	// A carry out of the mantissa raises the exponent, as it should.
	return sign | uint16(uint32(exponent)<<10+roundShift(mantissa, 13))
}

// roundShift is v >> shift, rounded to nearest, ties to even.
func roundShift(v uint32, shift uint) uint32 {
	q, r, tie := v>>shift, v&(1<<shift-1), uint32(1)<<(shift-1)
	if r > tie || r == tie && q&1 == 1 {
		q++
	}
	return q
}
