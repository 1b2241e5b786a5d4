package testvideo

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// Captioned writes an H.264 film of 25 pictures with CEA-608 closed captions (ATSC A/53 part 4) in every picture, which the
// ffmpeg tool cannot make, to a folder of the test's own. ext is of a container that ffmpeg copies H.264 into.
func Captioned(t testing.TB, ext string) string {
	t.Helper()
	// without B-pictures: the tool cannot give times to a raw stream with them
	raw := MakeClip(t, "raw.h264", Clip{Steps: []string{"-f lavfi -i testsrc2=s=320x240:r=25:d=1 " + x264 + "-bf 0"}})
	b, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "cc.h264"), insertCaptions(b))
	out := filepath.Join(dir, "captions"+ext)
	FFmpeg(t, dir, "-r", "25", "-i", "cc.h264", "-c", "copy", "-fflags", "+bitexact", out)
	return out
}

// insertCaptions puts a message of user data (Rec. ITU-T H.264 annex D, ITU-T T.35) before the first slice of each picture
// of an Annex B stream.
func insertCaptions(stream []byte) []byte {
	start := []byte{0, 0, 1}
	var out []byte
	picture := 0
	for _, unit := range bytes.Split(stream, start)[1:] {
		kind := unit[0] & 31
		if (kind == 1 || kind == 5) && unit[1]&0x80 != 0 { // a slice that begins with macroblock 0
			// United States, ATSC, "GA94", captions, process them, one pair of field 1, "em" data, two letters
			letter := func(c byte) byte { // odd parity
				ones := 0
				for b := c; b > 0; b &= b - 1 {
					ones++
				}
				return c | byte(1-ones&1)<<7
			}
			cc := []byte{0xb5, 0x00, 0x31, 'G', 'A', '9', '4', 3, 0x41, 0xff, 0xfc, letter('a' + byte(picture%26)), letter('b'), 0xff}
			sei := append([]byte{6, 4, byte(len(cc))}, cc...)
			out = append(append(append(out, start...), sei...), 0x80)
			picture++
		}
		out = append(append(out, start...), unit...)
	}
	return out
}
