// Package main is the GStreamer plugin: built with -buildmode=c-shared it is libgstksamenet.so with one element, ksamenet.
//
// It holds no cgo of its own: the go command then makes no C header of it, for which it would compile all bindings of
// GStreamer anew, minutes of work, in every build.
package main

import _ "github.com/ksamenet/ksamenet/gstplugin/element" // and the plugin's entry

func main() {}
