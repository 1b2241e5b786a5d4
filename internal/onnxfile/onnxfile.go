// Package onnxfile reads and rewrites ONNX files, as much of the format as engines need that are not given the file itself:
// its metadata, and a version of it that computes in float16. It knows no engine.
//
// Format: onnx.proto of ONNX 1.23, https://github.com/onnx/onnx/blob/v1.23.0/onnx/onnx.proto
package onnxfile

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// ErrFormat says that the bytes are no ONNX model, or use a part of the format that this package does not know.
var ErrFormat = errors.New("onnxfile: not usable")

// Field numbers of onnx.proto.
const (
	modelGraph    = 7
	modelMetadata = 14

	graphNode        = 1
	graphInitializer = 5
	graphInput       = 11
	graphOutput      = 12
	graphValueInfo   = 13

	nodeInput     = 1
	nodeOutput    = 2
	nodeName      = 3
	nodeOp        = 4
	nodeAttribute = 5

	attributeName   = 1
	attributeInt    = 3
	attributeTensor = 5
	attributeType   = 20

	tensorDims     = 1
	tensorType     = 2
	tensorFloats   = 4
	tensorName     = 8
	tensorRaw      = 9
	tensorExternal = 13

	valueName = 1
	valueType = 2
)

// Values of TensorProto.DataType and AttributeProto.AttributeType.
const (
	float32Type = 1
	float16Type = 10
	intAttr     = 2
)

// field is one field of a message: its number, its content (bytes fields) or value (numbers), and its whole encoding.
type field struct {
	number  protowire.Number
	content []byte
	value   uint64
	raw     []byte
}

// fields splits a message.
func fields(b []byte) ([]field, error) {
	var fs []field
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, fmt.Errorf("%w: %w", ErrFormat, protowire.ParseError(n))
		}
		f := field{number: number}
		m := 0
		switch kind {
		case protowire.BytesType:
			f.content, m = protowire.ConsumeBytes(b[n:])
		case protowire.VarintType:
			f.value, m = protowire.ConsumeVarint(b[n:])
		default:
			m = protowire.ConsumeFieldValue(number, kind, b[n:])
		}
		if m < 0 {
			return nil, fmt.Errorf("%w: %w", ErrFormat, protowire.ParseError(m))
		}
		f.raw = b[:n+m]
		fs = append(fs, f)
		b = b[n+m:]
	}
	return fs, nil
}

func appendBytes(b []byte, number protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), content)
}

func appendInt(b []byte, number protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), v)
}

// Metadata is the model's metadata_props; empty when it has none.
func Metadata(model []byte) (map[string]string, error) {
	fs, err := fields(model)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	graph := false
	for _, f := range fs {
		graph = graph || f.number == modelGraph && f.content != nil
		if f.number != modelMetadata {
			continue
		}
		entry, err := fields(f.content)
		if err != nil {
			return nil, err
		}
		var key, value string
		for _, e := range entry {
			switch e.number {
			case 1:
				key = string(e.content)
			case 2:
				value = string(e.content)
			}
		}
		out[key] = value
	}
	if !graph {
		return nil, fmt.Errorf("%w: no graph", ErrFormat)
	}
	return out, nil
}
