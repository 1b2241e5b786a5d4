package detector

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"
)

// FuzzDecode feeds raw bits to the decode heads: whatever a network writes, the result is finite boxes or ErrOutput.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{0, 0, 128, 63, 0, 0, 0, 63}, true)
	f.Add([]byte{0, 0, 192, 127}, false)               // NaN
	f.Add([]byte{255, 255, 127, 127, 1}, true)         // the greatest float32
	f.Add([]byte{0, 0, 128, 63, 0, 0, 200, 66}, false) // exp(100)
	f.Fuzz(func(t *testing.T, raw []byte, yu bool) {
		const w, h = 64, 32
		var values []float32
		for ; len(raw) >= 4; raw = raw[4:] {
			values = append(values, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
		}
		if len(values) == 0 {
			return
		}
		fake, net := centerFaceFake(nil), network(centerFace{})
		if yu {
			fake, net = yuNetFake(nil), yuNet{}
		}
		s, err := fake.NewSession(map[string][]int64{"in": {1, 3, h, w}})
		if err != nil {
			t.Fatal(err)
		}
		k := 0
		for _, o := range fake.List[1:] {
			for i := range s.Data(o.Name) {
				s.Data(o.Name)[i] = values[k%len(values)]
				k++
			}
		}
		got, err := net.decode(s.Data, w, h, .3, nil)
		if err != nil && !errors.Is(err, ErrOutput) {
			t.Fatalf("error of another kind: %v", err)
		}
		for _, d := range suppress(got, .3) {
			sum := d.Box.X0 + d.Box.Y0 + d.Box.W() + d.Box.H() + d.Score
			for _, p := range d.Points {
				sum += p.X + p.Y
			}
			if math.IsNaN(sum) || math.IsInf(sum, 0) {
				t.Fatalf("not finite: %+v", d)
			}
		}
	})
}
