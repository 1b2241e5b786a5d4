// Command gohost is a Go program with the element inside: it takes pictures of a video, with all faces replaced.
//
//	go run ./examples/gohost [VIDEO [FOLDER [PROPERTY=VALUE…]]]
//
// One picture a second of VIDEO goes to FOLDER as PNG; what the element reports goes to standard output. Without
// arguments: the sample of synthetic people, a folder `out`, and uncertified=true (nothing is claimed then).
//
// The element is registered statically; no plugin file is needed (docs/element.md). Pictures are fetched from an appsink.
package main

import (
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-gst/go-gst/gst"
	"github.com/go-gst/go-gst/gst/app"

	"github.com/ksamenet/ksamenet/gstplugin/static"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gohost:", err)
		os.Exit(1)
	}
}

func run(args []string) (err error) {
	video, folder, properties := "examples/sample/sample.mp4", "out", "uncertified=true"
	if len(args) > 0 {
		video = args[0]
	}
	if len(args) > 1 {
		folder = args[1]
	}
	if len(args) > 2 {
		properties = strings.Join(args[2:], " ")
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	gst.Init(nil)
	if err := static.Register(); err != nil {
		return err
	}
	// qos=false: nothing is late in a file. The faces are replaced before a picture is chosen or scaled, since the element
	// follows people from picture to picture.
	p, err := gst.NewPipelineFromString("filesrc name=in ! decodebin ! videoconvert ! ksamenet name=faces qos=false " + properties +
		" ! videorate drop-only=true ! videoconvert ! video/x-raw,format=RGBA,framerate=1/1 ! appsink name=out sync=false max-buffers=2")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.SetState(gst.StateNull)) }()
	in, err := p.GetElementByName("in")
	if err != nil {
		return err
	}
	if err := in.Set("location", video); err != nil { // and not in the line: a name may hold spaces and quotes
		return err
	}
	out, err := p.GetElementByName("out")
	if err != nil {
		return err
	}
	_ = p.SetState(gst.StatePlaying) // why it failed is on the bus
	sink := app.SinkFromElement(out)
	for n := 0; ; {
		if over, err := report(p); over || err != nil {
			return err
		}
		sample := sink.TryPullSample(gst.ClockTime(100 * time.Millisecond))
		if sample == nil {
			continue // not yet, the end, or an error: the bus tells
		}
		if err := save(filepath.Join(folder, fmt.Sprintf("%04d.png", n)), sample); err != nil {
			return err
		}
		n++
	}
}

// save writes a sample of RGBA as PNG.
func save(name string, sample *gst.Sample) error {
	s := sample.GetCaps().GetStructureAt(0)
	w, errW := s.GetValue("width")
	h, errH := s.GetValue("height")
	if err := errors.Join(errW, errH); err != nil {
		return err
	}
	// Bytes copies; the rows of RGBA have no padding.
	pic := &image.RGBA{Pix: sample.GetBuffer().Bytes(), Stride: 4 * w.(int), Rect: image.Rect(0, 0, w.(int), h.(int))}
	if len(pic.Pix) != pic.Stride*h.(int) {
		return fmt.Errorf("%s: %d bytes for %dx%d", name, len(pic.Pix), w, h)
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(png.Encode(f, pic), f.Close())
}

// report prints the element's messages up to now. It is over at the end of the stream, and with the error that ended it.
func report(p *gst.Pipeline) (over bool, err error) {
	for {
		switch m := p.GetPipelineBus().PopFiltered(gst.MessageEOS | gst.MessageError | gst.MessageElement); {
		case m == nil:
			return false, nil
		case m.Type() == gst.MessageEOS:
			return true, nil
		case m.Type() == gst.MessageError:
			return true, m.ParseError()
		default:
			fmt.Println(m.GetStructure())
		}
	}
}
