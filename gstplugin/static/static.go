// Package static makes the element ksamenet known to a Go program, without a plugin file:
//
//	gst.Init(&os.Args)
//	if err := static.Register(); err != nil {
//		return err
//	}
//	p, err := gst.NewPipelineFromString("… ! videoconvert ! ksamenet uncertified=true ! appsink name=out")
//
// A Go program must use this and not the plugin: the plugin brings a Go runtime of its own, and two of them in one process
// disagree on GLib's types. With a plugin file in GST_PLUGIN_PATH as well, the element registered here is the one that
// is used. The program is linked with what the plugin is linked with; models and engines are searched as the plugin does
// (docs/element.md). examples/gohost is a whole program.
package static

import (
	"errors"
	"sync"

	"github.com/go-gst/go-gst/gst"

	"github.com/ksamenet/ksamenet/gstplugin/element"
)

var register = sync.OnceValue(func() error {
	gst.Init(nil) // does nothing where the host has done it
	if !element.Register(nil) {
		return errors.New("static: GStreamer refused the element ksamenet (GST_DEBUG=2 says why)")
	}
	return nil
})

// Register makes the element known for the life of the process. It may be called by any goroutine and any number of times;
// what it answers first it answers always. It initialises GStreamer if the host has not.
func Register() error { return register() }
