package frame

import "fmt"

// Patch is one surrogate face in the generator's canonical crop: Size×Size texels, interleaved R'G'B'A, 8 bits each,
// alpha not multiplied in, row by row from the top. Texel (i, j) has its centre at ((i+.5)/Size, (j+.5)/Size) of the
// crop's unit square, which a similarity transform places in the picture.
// A Patch is shared (the generator caches it): nobody writes to it after it is made.
type Patch struct {
	Size int
	RGBA []byte // 4*Size*Size
}

// Validate checks that p has a usable size and as many bytes as it says.
func (p *Patch) Validate() error {
	if p == nil || p.Size < 32 || p.Size > 1024 || p.Size%16 != 0 || len(p.RGBA) != 4*p.Size*p.Size {
		if p == nil {
			return fmt.Errorf("frame: no patch")
		}
		return fmt.Errorf("frame: patch of size %d with %d bytes (size must be a multiple of 16 in 32..1024)", p.Size, len(p.RGBA))
	}
	return nil
}
