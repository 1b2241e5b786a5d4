//go:build !race

package trt

const raceEnabled = false
