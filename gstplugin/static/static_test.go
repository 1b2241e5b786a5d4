package static

import (
	"sync"
	"testing"

	"github.com/go-gst/go-gst/gst"
)

// Whoever registers, and how often: the element is there once and can be made.
func TestRegister(t *testing.T) {
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if err := Register(); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	e, err := gst.NewElement("ksamenet")
	if err != nil {
		t.Fatal(err)
	}
	if name := e.GetFactory().GetMetadata("klass"); name != "Filter/Effect/Video" {
		t.Errorf("class %q", name)
	}
}
