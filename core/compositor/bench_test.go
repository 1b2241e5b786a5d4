package compositor

import (
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
)

// BenchmarkCompose lays one face of 200 px into a 1280×720 picture.
func BenchmarkCompose(b *testing.B) {
	for _, l := range []*frame.Layout{frame.I420, frame.NV12, frame.P010} {
		b.Run(l.Name, func(b *testing.B) {
			p := newPicture(l, 1280, 720, 1)
			s := placed(newPatch(256), 640, 360, 200/.66, 5) // the oval is .66 of the patch wide
			s.Tone = Tone{Luma: 30, Black: 5, Skin: 2}
			c := New()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Compose(p, s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMeasureTone(b *testing.B) {
	p := newPicture(frame.I420, 1280, 720, 1)
	s := placed(newPatch(256), 640, 360, 300, 5)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := MeasureTone(p, s.Oval, 0, nil); err != nil {
			b.Fatal(err)
		}
	}
}
