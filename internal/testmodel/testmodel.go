// Package testmodel holds the tiny ONNX models of the engine tests. make.py, beside it, made them and says what each
// computes. It imports nothing of this project, so that native/* may use it.
package testmodel

import _ "embed"

// Toy: face[n,64] = 3*identity[n,64] + sum(expression[n,7]).
//
//go:embed toy.onnx
var Toy []byte

// Quarter: mean over 4×4 blocks of picture[1,1,height,width]; heat[1,1,h4,w4] shares no symbol with it.
//
//go:embed quarter.onnx
var Quarter []byte

// Slow: adds 1 to x[1,4] a hundred million times; far longer than any test waits.
//
//go:embed slow.onnx
var Slow []byte

// Ints: int64 input and output.
//
//go:embed ints.onnx
var Ints []byte

// Compress: kept[k] are the elements of x[4] above -1; k depends on the values.
//
//go:embed compress.onnx
var Compress []byte
