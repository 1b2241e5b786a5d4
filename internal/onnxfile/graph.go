package onnxfile

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// graph is a GraphProto taken apart.
type graph struct {
	nodes        []*node
	initializers map[string]*constant
	order        []string // of the initializers
	floats       map[string]bool
	outputs      map[string]bool
	rest         [][]byte // fields that stay as they are
}

type node struct {
	op      string
	inputs  []string
	outputs []string
	ints    map[string]int64
	floats  map[string]float64 // only what a fold needs: single floats
	value   *constant          // of a Constant node
	rest    [][]byte           // all fields but inputs and outputs
}

// constant is a TensorProto.
type constant struct {
	kind   uint64
	dims   []int64
	floats []float32 // of a float32 one
	raw    []byte    // the message
}

func readGraph(b []byte) (*graph, error) {
	fs, err := fields(b)
	if err != nil {
		return nil, err
	}
	g := &graph{initializers: map[string]*constant{}, floats: map[string]bool{}, outputs: map[string]bool{}}
	for _, f := range fs {
		switch f.number {
		case graphNode:
			n, err := readNode(f.content)
			if err != nil {
				return nil, err
			}
			g.nodes = append(g.nodes, n)
			continue
		case graphInitializer:
			name, c, err := readTensor(f.content)
			if err != nil {
				return nil, err
			}
			g.initializers[name], g.floats[name] = c, c.kind == float32Type
			g.order = append(g.order, name)
			continue
		case graphValueInfo:
			continue // says types that a rewrite changes; engines infer them again
		case graphInput, graphOutput:
			name, kind, err := readValue(f.content)
			if err != nil {
				return nil, err
			}
			if f.number == graphOutput {
				g.outputs[name] = true
			} else {
				g.floats[name] = kind == float32Type
			}
		}
		g.rest = append(g.rest, f.raw)
	}
	return g, nil
}

// readValue is the name and element type of a ValueInfoProto.
func readValue(b []byte) (name string, kind uint64, err error) {
	fs, err := fields(b)
	for _, f := range fs {
		switch f.number {
		case valueName:
			name = string(f.content)
		case valueType: // TypeProto.tensor_type = 1, Tensor.elem_type = 1
			types, e := fields(f.content)
			for _, t := range types {
				tensor, e2 := fields(t.content)
				for _, x := range tensor {
					if t.number == 1 && x.number == 1 {
						kind = x.value
					}
				}
				e = join(e, e2)
			}
			err = join(err, e)
		}
	}
	return name, kind, err
}

func join(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func readNode(b []byte) (*node, error) {
	fs, err := fields(b)
	if err != nil {
		return nil, err
	}
	n := &node{ints: map[string]int64{}, floats: map[string]float64{}}
	for _, f := range fs {
		switch f.number {
		case nodeInput:
			n.inputs = append(n.inputs, string(f.content))
			continue
		case nodeOutput:
			n.outputs = append(n.outputs, string(f.content))
			continue
		case nodeOp:
			n.op = string(f.content)
		case nodeAttribute:
			if err := n.readAttribute(f.content); err != nil {
				return nil, err
			}
		}
		n.rest = append(n.rest, f.raw)
	}
	least := map[string]int{"Cast": 1, "BatchNormalization": 5}[n.op]
	if len(n.inputs) < least || len(n.outputs) == 0 {
		return nil, fmt.Errorf("%w: a %s with %d inputs and %d outputs", ErrFormat, n.op, len(n.inputs), len(n.outputs))
	}
	return n, nil
}

func (n *node) readAttribute(b []byte) error {
	fs, err := fields(b)
	if err != nil {
		return err
	}
	var name string
	for _, f := range fs {
		switch f.number {
		case attributeName:
			name = string(f.content)
		case 2: // f, a fixed32
			if len(f.raw) >= 4 {
				n.floats[name] = float64(math.Float32frombits(binary.LittleEndian.Uint32(f.raw[len(f.raw)-4:])))
			}
		case attributeInt:
			n.ints[name] = int64(f.value)
		case attributeTensor:
			if _, n.value, err = readTensor(f.content); err != nil {
				return err
			}
		}
	}
	return nil
}

func readTensor(b []byte) (string, *constant, error) {
	fs, err := fields(b)
	if err != nil {
		return "", nil, err
	}
	c := &constant{raw: b}
	var name string
	var data []byte
	for _, f := range fs {
		switch f.number {
		case tensorDims:
			dims := []byte{}
			if f.content == nil {
				c.dims = append(c.dims, int64(f.value))
			} else {
				dims = f.content // packed
			}
			for len(dims) > 0 {
				v, n := protowire.ConsumeVarint(dims)
				if n < 0 {
					return "", nil, fmt.Errorf("%w: %w", ErrFormat, protowire.ParseError(n))
				}
				c.dims, dims = append(c.dims, int64(v)), dims[n:]
			}
		case tensorType:
			c.kind = f.value
		case tensorName:
			name = string(f.content)
		case tensorRaw, tensorFloats:
			data = append(data, f.content...) // float_data is packed: the same bytes
		case tensorExternal:
			return "", nil, fmt.Errorf("%w: tensor %q lies in another file", ErrFormat, name)
		}
	}
	if c.kind != float32Type {
		return name, c, nil
	}
	n := int64(1)
	for _, d := range c.dims {
		if d < 0 || d > 1<<32 {
			return "", nil, fmt.Errorf("%w: tensor %q has dimensions %v", ErrFormat, name, c.dims)
		}
		n *= d
	}
	if int64(len(data)) != 4*n {
		return "", nil, fmt.Errorf("%w: tensor %q of %v holds %d bytes", ErrFormat, name, c.dims, len(data))
	}
	c.floats = make([]float32, n)
	for i := range c.floats {
		c.floats[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return name, c, nil
}

func (n *node) write() []byte {
	var b []byte
	for _, in := range n.inputs {
		b = appendBytes(b, nodeInput, []byte(in))
	}
	for _, out := range n.outputs {
		b = appendBytes(b, nodeOutput, []byte(out))
	}
	for _, raw := range n.rest {
		b = append(b, raw...)
	}
	return b
}

// castNode converts x to an element type.
func castNode(from, to string, kind uint64) *node {
	attribute := appendBytes(nil, attributeName, []byte("to"))
	attribute = appendInt(attribute, attributeInt, kind)
	attribute = appendInt(attribute, attributeType, intAttr)
	rest := appendBytes(nil, nodeName, []byte("cast/"+to))
	rest = appendBytes(rest, nodeOp, []byte("Cast"))
	rest = appendBytes(rest, nodeAttribute, attribute)
	return &node{op: "Cast", inputs: []string{from}, outputs: []string{to}, ints: map[string]int64{"to": int64(kind)}, rest: [][]byte{rest}}
}

// write puts the graph together again, less what nothing uses any more.
func (g *graph) write() []byte {
	used := map[string]bool{}
	for name := range g.outputs {
		used[name] = true
	}
	keep := make([]bool, len(g.nodes))
	for i := len(g.nodes) - 1; i >= 0; i-- {
		for _, out := range g.nodes[i].outputs {
			keep[i] = keep[i] || used[out]
		}
		for _, in := range g.nodes[i].inputs {
			used[in] = used[in] || keep[i]
		}
	}
	var b []byte
	for i, n := range g.nodes {
		if keep[i] {
			b = appendBytes(b, graphNode, n.write())
		}
	}
	for _, name := range g.order {
		if used[name] {
			b = appendBytes(b, graphInitializer, g.initializers[name].raw)
		}
	}
	for _, raw := range g.rest {
		b = append(b, raw...)
	}
	return b
}
