package element

import (
	"fmt"
	"sync"
	"testing"

	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/core/infer/infertest"
)

// Elements of one process hold each model once, and the last one to stop lets go of it.
func TestElementsShareModels(t *testing.T) {
	sampleLine(t, 1) // skips without the networks
	need(t, "videotestsrc", "fakesink")
	var mu sync.Mutex
	opened, open := map[string]int{}, 0
	infertest.Backend(t, "counted", func(m infer.Manifest, b []byte, o infer.Options) (infer.Engine, error) {
		o.Backend = infer.ONNXRuntime
		e, err := infer.Open(m, b, o)
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			opened[m.Name]++
			open++
		}
		return countedEngine{e, func() { mu.Lock(); open--; mu.Unlock() }}, err
	})
	stage := "ksamenet engine=counted uncertified=true qos=false"
	line := fmt.Sprintf("%s ! %s ! %s ! fakesink %s ! %s ! fakesink", source("I420", 160, 120, 2, "smpte"), stage, stage, source("RGBA", 64, 48, 2, "ball"), stage)
	if stopped, _ := play(t, line); stopped != "" {
		t.Fatal(stopped)
	}
	for name, n := range opened {
		if n != 1 {
			t.Errorf("%s was opened %d times for three elements", name, n)
		}
	}
	if len(opened) < 5 || open != 0 {
		t.Errorf("%d models were opened, and %d are still open", len(opened), open)
	}
}

// countedEngine says when it is closed.
type countedEngine struct {
	infer.Engine
	closed func()
}

func (e countedEngine) Close() error { e.closed(); return e.Engine.Close() }
