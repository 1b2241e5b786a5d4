package recognizer

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/ksamenet/ksamenet/internal/testface"
)

// The converted network computes what dlib's own export of it computes: testdata/dlib.json was made by another converter,
// from the XML that dlib writes.
func TestDlibGolden(t *testing.T) {
	b, err := os.ReadFile("testdata/dlib.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct{ Descriptor []float64 }
	if err := json.Unmarshal(b, &golden); err != nil || len(golden.Descriptor) != Size {
		t.Fatalf("%d values, %v", len(golden.Descriptor), err)
	}
	r := recognizer(t, testface.Engine(t, "dlib"))
	in, side := r.session.Data(r.in), r.chip.side
	for i := range in {
		c, y, x := float64(i/(side*side)), float64(i/side%side), float64(i%side)
		in[i] = float32(127.5 + 100*math.Sin(x*(c+1)/17)*math.Cos(y/(3*c+11)) + 20*math.Sin(x*y/300))
	}
	if err := r.session.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	for i, got := range r.session.Data(r.out) {
		// The golden network's weights were rounded to float16: 1.3e-4 at most here, of a length of 1.34.
		if want := golden.Descriptor[i]; math.Abs(float64(got)-want) > 1e-3 {
			t.Errorf("value %d is %v, want %v", i, got, want)
		}
	}
}
