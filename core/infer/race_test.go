//go:build race

package infer_test

// The race detector allocates by itself.
const raceEnabled = true
