package av

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"os"
)

// shortened says why a file is shorter than its own header tells: boxes of ISO 14496-12, the segment of Matroska, the
// chunk of RIFF. Empty when it is complete, or of a kind that does not tell. It finds a cut of one byte, where durations
// would need a tolerance.
func shortened(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return ""
	}
	head := make([]byte, 64)
	n, _ := io.ReadFull(f, head)
	head = head[:n]
	var want int64
	switch {
	case n >= 12 && isBox(head[4:8]):
		want = boxesEnd(f, fi.Size())
	case n >= 12 && binary.BigEndian.Uint32(head) == 0x1A45DFA3:
		want = segmentEnd(head)
	case n >= 12 && string(head[:4]) == "RIFF":
		if size := binary.LittleEndian.Uint32(head[4:]); size != 1<<32-1 { // all ones: the writer could not tell
			want = 8 + int64(size)
		}
	}
	if want <= fi.Size() {
		return ""
	}
	return fmt.Sprintf("it holds %d bytes of the %d that its header tells", fi.Size(), want)
}

func isBox(kind []byte) bool {
	switch string(kind) {
	case "ftyp", "moov", "mdat", "wide", "free", "skip", "styp", "sidx", "moof", "mfra", "meta", "udta", "uuid":
		return true
	}
	return false
}

// boxesEnd walks the top-level boxes and gives the end of the last one.
func boxesEnd(r io.ReaderAt, size int64) int64 {
	var at int64
	h := make([]byte, 16)
	for at+8 <= size {
		n, _ := r.ReadAt(h, at)
		length := int64(binary.BigEndian.Uint32(h))
		switch {
		case length == 0: // to the end of the file
			return size
		case length == 1 && n == 16:
			length = int64(binary.BigEndian.Uint64(h[8:]))
		}
		if length < 8 || at+length < at || (at+length > size && !isBox(h[4:8])) {
			return at // not a box: junk after the last one is no cut
		}
		at += length
	}
	return at
}

// segmentEnd reads the EBML header and the segment's size (RFC 8794 section 4, RFC 9559 section 5.1); 0 when it is a live
// recording of unknown size or does not fit in head.
func segmentEnd(head []byte) int64 {
	at := 4
	size, n := vint(head[at:])
	if n == 0 || size < 0 || size > int64(len(head)) {
		return 0
	}
	at += n + int(size)
	if at+4 > len(head) || binary.BigEndian.Uint32(head[at:]) != 0x18538067 {
		return 0
	}
	at += 4
	size, n = vint(head[at:])
	if n == 0 || size < 0 {
		return 0
	}
	return int64(at+n) + size
}

// vint is a variable-size integer and its length in bytes: -1 for "unknown", length 0 when b is too short.
func vint(b []byte) (v int64, length int) {
	if len(b) == 0 || b[0] == 0 {
		return 0, 0
	}
	length = bits.LeadingZeros8(b[0]) + 1
	if len(b) < length {
		return 0, 0
	}
	v = int64(b[0]) & (1<<(8-length) - 1)
	all := v == 1<<(8-length)-1
	for _, c := range b[1:length] {
		v = v<<8 | int64(c)
		all = all && c == 0xff
	}
	if all {
		return -1, length
	}
	return v, length
}
