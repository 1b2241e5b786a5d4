//go:build race

package trt

// The race detector allocates by itself.
const raceEnabled = true
