package infer

import "github.com/ksamenet/ksamenet/native/trt"

// Profiles lets the tests see what plans are built for.
func Profiles(m Manifest) ([]trt.Profile, error) { return m.profiles() }
