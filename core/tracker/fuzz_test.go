package tracker

import (
	"math"
	"slices"
	"testing"
)

// FuzzLink: whatever the detector says, the linker does not fail, loses no sure observation, and its boxes are finite.
func FuzzLink(f *testing.F) {
	f.Add([]byte{1, 10, 10, 20, 200, 1, 11, 10, 20, 200, 0, 0, 0, 0, 0, 2, 12, 10, 20, 100})
	f.Add([]byte{255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 128, 3, 7, 1, 255, 64, 200, 100, 90, 250})
	f.Fuzz(func(t *testing.T, b []byte) {
		var frames []Frame
		index := int64(0)
		seen := 0
		for ; len(b) >= 5; b = b[5:] {
			// The first byte says whether a new frame begins, after how many, and whether with a cut.
			if len(frames) == 0 || b[0]&3 != 0 {
				index += 1 + int64(b[0]>>4)*int64(b[0]>>4)
				frames = append(frames, Frame{Index: index, Cut: b[0]&15 == 15})
			}
			at := &frames[len(frames)-1]
			size := 0.02 + float64(b[3])*float64(b[3])/10
			at.Obs = append(at.Obs, Observation{Box: square(float64(b[1])*9, float64(b[2])*9, size), Score: float64(b[4]) / 255, Tag: len(at.Obs)})
		}
		cfg := DefaultConfig()
		out, err := Link(cfg, frames)
		if err != nil {
			t.Fatal(err)
		}
		held := map[[2]int64]int{}
		for i := range out {
			for j, e := range out[i].Entries {
				for _, v := range []float64{e.Box.X0, e.Box.Y0, e.Box.X1, e.Box.Y1, e.Cover.X0, e.Cover.Y0, e.Cover.X1, e.Cover.Y1} {
					if math.IsNaN(v) || math.IsInf(v, 0) {
						t.Fatalf("tracklet %d frame %d: box %v, cover %v", out[i].ID, e.Frame, e.Box, e.Cover)
					}
				}
				if j > 0 && e.Frame != out[i].Entries[j-1].Frame+1 {
					t.Fatalf("tracklet %d has a hole before frame %d", out[i].ID, e.Frame)
				}
				if e.Tag >= 0 {
					held[[2]int64{e.Frame, int64(e.Tag)}]++
				}
			}
		}
		for _, f := range frames {
			for i, o := range f.Obs {
				n := held[[2]int64{f.Index, int64(i)}]
				double := slices.ContainsFunc(f.Obs, func(p Observation) bool { return p.Tag != o.Tag && p.Score >= o.Score && p.Box.IoU(o.Box) > doubleIoU })
				if n > 1 || (n == 0 && o.Score >= cfg.High && !double) {
					t.Fatalf("frame %d: observation %d is in %d tracklets", f.Index, i, n)
				}
				seen += n
			}
		}
	})
}
