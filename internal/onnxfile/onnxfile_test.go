package onnxfile

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"github.com/ksamenet/ksamenet/internal/testmodel"
)

func TestMetadata(t *testing.T) {
	got, err := Metadata(testmodel.Toy)
	if err != nil || len(got) != 2 || got["ksamenet.name"] != "toy" {
		t.Errorf("%q, %v", got, err)
	}
}

// Nothing to narrow, nothing changed in meaning: the graph keeps its nodes and the file its metadata.
func TestHalfOfAModelWithoutWeights(t *testing.T) {
	half, err := Half(testmodel.Toy)
	if err != nil {
		t.Fatal(err)
	}
	before, after := nodes(t, testmodel.Toy), nodes(t, half)
	if len(before) != len(after) {
		t.Fatalf("%d nodes, want %d", len(after), len(before))
	}
	for i := range before {
		if !bytes.Equal(before[i].write(), after[i].write()) {
			t.Errorf("node %d (%s) changed", i, before[i].op)
		}
	}
}

func nodes(t *testing.T, model []byte) []*node {
	t.Helper()
	fs, err := fields(model)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fs {
		if f.number == modelGraph {
			g, err := readGraph(f.content)
			if err != nil {
				t.Fatal(err)
			}
			return g.nodes
		}
	}
	t.Fatal("no graph")
	return nil
}

// tensor and op write the messages of a small network by hand.
func tensor(name string, values ...float32) []byte {
	var data []byte
	for _, v := range values {
		b := math.Float32bits(v)
		data = append(data, byte(b), byte(b>>8), byte(b>>16), byte(b>>24))
	}
	b := appendInt(nil, tensorDims, uint64(len(values)))
	b = appendInt(b, tensorType, float32Type)
	b = appendBytes(b, tensorName, []byte(name))
	return appendBytes(b, tensorRaw, data)
}

func op(kind string, output string, inputs ...string) []byte {
	var b []byte
	for _, in := range inputs {
		b = appendBytes(b, nodeInput, []byte(in))
	}
	b = appendBytes(b, nodeOutput, []byte(output))
	return appendBytes(b, nodeOp, []byte(kind))
}

// value is a float32 ValueInfoProto.
func value(name string) []byte {
	types := appendBytes(nil, 1, appendInt(nil, 1, float32Type))
	return appendBytes(appendBytes(nil, valueName, []byte(name)), valueType, types)
}

func model(tensors [][]byte, ops ...[]byte) []byte {
	var g []byte
	for _, o := range ops {
		g = appendBytes(g, graphNode, o)
	}
	for _, t := range tensors {
		g = appendBytes(g, graphInitializer, t)
	}
	g = appendBytes(g, graphInput, value("x"))
	g = appendBytes(g, graphOutput, value("y"))
	return appendBytes(nil, modelGraph, g)
}

// chain is the new graph's operators in order, with what they read.
func chain(t *testing.T, model []byte) []string {
	half, err := Half(model)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, n := range nodes(t, half) {
		s := n.op
		for _, in := range n.inputs {
			s += " " + in
		}
		out = append(out, s)
	}
	return out
}

// What computes in float16 and what does not: see Half.
func TestWhatIsNarrowed(t *testing.T) {
	w := [][]byte{tensor("w", 1), tensor("big", 1e6)}
	for _, c := range []struct {
		name string
		ops  [][]byte
		want []string
	}{
		{"the last product stays", [][]byte{op("MatMul", "y", "x", "w")}, []string{"MatMul x w"}},
		{"one before it does not, nor what follows it", [][]byte{op("MatMul", "a", "x", "w"), op("Relu", "b", "a"), op("MatMul", "y", "b", "w")},
			[]string{"Cast x", "MatMul x/float16 w/float16", "Relu a", "Cast b", "MatMul b/float32 w"}},
		{"a way around keeps float32", [][]byte{op("MatMul", "a", "x", "w"), op("MatMul", "b", "a", "w"), op("Add", "y", "a", "b")},
			[]string{"MatMul x w", "MatMul a w", "Add a b"}},
		{"weights too large", [][]byte{op("MatMul", "a", "x", "big"), op("MatMul", "y", "a", "w")}, []string{"MatMul x big", "MatMul a w"}},
		{"no constant weights", [][]byte{op("MatMul", "a", "x", "x"), op("MatMul", "y", "a", "w")}, []string{"MatMul x x", "MatMul a w"}},
		{"an operator that is not known to bear it", [][]byte{op("MatMul", "a", "x", "w"), op("Exp", "b", "a"), op("MatMul", "y", "b", "w")},
			[]string{"Cast x", "MatMul x/float16 w/float16", "Cast a", "Exp a/float32", "MatMul b w"}},
		{"two that read the same", [][]byte{op("MatMul", "a", "x", "w"), op("MatMul", "b", "x", "w"), op("Mul", "c", "a", "b"), op("MatMul", "y", "c", "w")},
			[]string{"Cast x", "MatMul x/float16 w/float16", "MatMul x/float16 w/float16", "Mul a b", "Cast c", "MatMul c/float32 w"}},
	} {
		got := chain(t, model(w, c.ops...))
		if len(got) != len(c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: %q, want %q", c.name, got, c.want)
				break
			}
		}
	}
}

func TestDamaged(t *testing.T) {
	external := appendInt(tensor("w", 1), tensorExternal, 0)
	short := appendInt(tensor("w", 1), tensorDims, 7)
	for name, b := range map[string][]byte{
		"empty": nil, "garbage": []byte("garbage"), "no graph": appendInt(nil, 1, 8), "truncated": testmodel.Toy[:200],
		"a Cast of nothing": model(nil, op("Cast", "y")), "a normalisation without parameters": model(nil, op("BatchNormalization", "y", "x")),
		"an operator without result": model(nil, appendBytes(nil, nodeOp, []byte("Relu"))),
		"weights in another file":    model([][]byte{external}), "weights of another length": model([][]byte{short}),
	} {
		if half, err := Half(b); half != nil || !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %d bytes, %v, want ErrFormat", name, len(half), err)
		}
	}
	for name, b := range map[string][]byte{"empty": nil, "garbage": []byte("garbage"), "truncated": testmodel.Toy[:200]} {
		if _, err := Metadata(b); !errors.Is(err, ErrFormat) {
			t.Errorf("metadata, %s: %v, want ErrFormat", name, err)
		}
	}
}

func FuzzHalf(f *testing.F) {
	f.Add(testmodel.Toy)
	f.Add(testmodel.Quarter)
	f.Add(model([][]byte{tensor("w", 1), tensor("v", 2), tensor("long", 1, 2)}, op("MatMul", "a", "x", "w"), op("BatchNormalization", "b", "a", "w", "v", "w", "v"),
		op("BatchNormalization", "n", "b", "w", "long", "w", "v"), op("Cast", "c", "n"), op("Resize", "d", "c", "", "w"), op("Where", "e", "d", "d", "d"), op("MatMul", "y", "e", "w")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := Half(b); err != nil && !errors.Is(err, ErrFormat) {
			t.Errorf("%v, want ErrFormat or nil", err)
		}
	})
}

// Every float16 value is itself; between two neighbours the nearer one is taken, and of two equally near the even one.
func TestToHalf(t *testing.T) {
	value := func(h uint16) float64 {
		m, e := float64(h&0x3ff), int(h>>10&0x1f)
		switch {
		case e == 0:
			return math.Ldexp(m, -24)
		case e == 31:
			return math.Inf(1)
		}
		return math.Ldexp(m+1024, e-25)
	}
	for h := uint16(0); h < 0x7c00; h++ {
		if got := toHalf(float32(value(h))); got != h {
			t.Fatalf("%#x became %#x", h, got)
		}
		if got := toHalf(float32(-value(h))); got != h|0x8000 {
			t.Fatalf("-%#x became %#x", h, got)
		}
		if h == 0x7bff {
			continue
		}
		middle := (value(h) + value(h+1)) / 2
		even := h + h&1
		for v, want := range map[float64]uint16{middle: even, math.Nextafter(middle, 0) - value(1)/8: h, middle + value(1)/8: h + 1} {
			if float64(float32(v)) != v {
				continue // not a float32
			}
			if got := toHalf(float32(v)); got != want {
				t.Fatalf("%v between %#x and its neighbour became %#x, want %#x", v, h, got, want)
			}
		}
	}
	for v, want := range map[float32]uint16{65519: 0x7bff, 65520: 0x7c00, 1e30: 0x7c00, float32(math.Inf(-1)): 0xfc00, 1e-30: 0} {
		if got := toHalf(v); got != want {
			t.Errorf("%v became %#x, want %#x", v, got, want)
		}
	}
	if got := toHalf(float32(math.NaN())); got&0x7c00 != 0x7c00 || got&0x3ff == 0 {
		t.Errorf("NaN became %#x", got)
	}
}
