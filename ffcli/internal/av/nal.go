package av

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// Units of H.264 (Rec. ITU-T H.264 table 7-1) and HEVC (Rec. ITU-T H.265 table 7-1).
const (
	avcIDR, avcSPS, avcPPS, avcAUD         = 5, 7, 8, 9
	hevcIDRWithLeading, hevcIDR            = 19, 20
	hevcVPS, hevcSPS, hevcPPS, hevcAUDUnit = 32, 33, 34, 35
)

var errUnits = errors.New("its units cannot be told apart")

// units splits a packet into its NAL units: by start codes when lengthSize is 0, else by lengths of that many bytes. The
// slices are b's.
func units(b []byte, lengthSize int) ([][]byte, error) {
	if lengthSize == 0 {
		return startCodeUnits(b), nil
	}
	var list [][]byte
	for len(b) > 0 {
		if len(b) < lengthSize {
			return nil, errUnits
		}
		n := 0
		for _, c := range b[:lengthSize] {
			n = n<<8 | int(c)
		}
		b = b[lengthSize:]
		if n > len(b) {
			return nil, errUnits
		}
		if n > 0 {
			list = append(list, b[:n])
		}
		b = b[n:]
	}
	return list, nil
}

// startCodeUnits splits a byte stream (annex B of both recommendations).
func startCodeUnits(b []byte) [][]byte {
	var list [][]byte
	code := []byte{0, 0, 1}
	at := bytes.Index(b, code)
	for at >= 0 {
		b = b[at+3:]
		at = bytes.Index(b, code)
		unit := b
		if at >= 0 {
			unit = b[:at]
		}
		if unit = bytes.TrimRight(unit, "\x00"); len(unit) > 0 { // zeros belong to the next start code, or trail
			list = append(list, unit)
		}
	}
	return list
}

// joined is the units in one of the two forms; nil when a unit is too long for its length.
func joined(list [][]byte, lengthSize int) []byte {
	var out []byte
	for _, u := range list {
		if lengthSize == 0 {
			out = append(append(out, 0, 0, 0, 1), u...)
			continue
		}
		if lengthSize < 4 && len(u) >= 1<<(8*lengthSize) {
			return nil
		}
		out = append(out, binary.BigEndian.AppendUint32(nil, uint32(len(u)))[4-lengthSize:]...)
		out = append(out, u...)
	}
	return out
}

func avcKind(u []byte) int  { return int(u[0] & 31) }
func hevcKind(u []byte) int { return int(u[0] >> 1 & 63) }

// expGolomb reads an unsigned Exp-Golomb code that starts at a byte.
func expGolomb(b []byte) (int, bool) {
	zeros := 0
	bit := func(i int) int {
		if i/8 >= len(b) {
			return -1
		}
		return int(b[i/8] >> (7 - i%8) & 1)
	}
	for bit(zeros) == 0 {
		zeros++
	}
	if bit(zeros) < 0 || zeros > 16 {
		return 0, false
	}
	v := 0
	for i := range zeros + 1 {
		c := bit(zeros + i)
		if c < 0 {
			return 0, false
		}
		v = v<<1 | c
	}
	return v - 1, true
}

// avcID is the number of an H.264 parameter set: behind profile and level in a sequence's, first in a picture's.
func avcID(u []byte) (int, bool) {
	switch {
	case avcKind(u) == avcSPS && len(u) > 4:
		return expGolomb(u[4:])
	case avcKind(u) == avcPPS && len(u) > 1:
		return expGolomb(u[1:])
	}
	return 0, false
}

// avcConfig is the decoder configuration record of ISO/IEC 14496-15 section 5.3.3.1.
type avcConfig struct {
	profile, compatible, level byte
	lengthSize                 int
	sps, pps                   [][]byte
	tail                       []byte // chroma format and depths, from profile High on
}

func readAVCConfig(b []byte) (*avcConfig, error) {
	if len(b) < 7 || b[0] != 1 {
		return nil, errUnits
	}
	c := &avcConfig{profile: b[1], compatible: b[2], level: b[3], lengthSize: int(b[4]&3) + 1}
	sets := func(n int) (list [][]byte, err error) {
		for range n {
			if len(b) < 2 || len(b) < 2+int(binary.BigEndian.Uint16(b)) {
				return nil, errUnits
			}
			size := int(binary.BigEndian.Uint16(b))
			if size > 0 {
				list = append(list, b[2:2+size])
			}
			b = b[2+size:]
		}
		return list, nil
	}
	n := int(b[5] & 31)
	b = b[6:]
	var err error
	if c.sps, err = sets(n); err != nil {
		return nil, err
	}
	if len(b) < 1 {
		return nil, errUnits
	}
	n, b = int(b[0]), b[1:]
	if c.pps, err = sets(n); err != nil {
		return nil, err
	}
	c.tail = b
	return c, nil
}

// with is the record with the parameter sets of another stream added, whose numbers differ; tail is for a profile that needs
// one where the record had none.
func (c *avcConfig) with(list [][]byte, tail []byte) []byte {
	o := *c
	for _, u := range list {
		switch avcKind(u) {
		case avcSPS:
			o.sps = append(o.sps[:len(o.sps):len(o.sps)], u)
			if u[1] > o.profile {
				o.profile, o.compatible = u[1], u[2]
			}
			o.level = max(o.level, u[3])
		case avcPPS:
			o.pps = append(o.pps[:len(o.pps):len(o.pps)], u)
		}
	}
	b := []byte{1, o.profile, o.compatible, o.level, 0xfc | byte(o.lengthSize-1), 0xe0 | byte(len(o.sps))}
	put := func(list [][]byte) {
		for _, u := range list {
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(u))), u...)
		}
	}
	put(o.sps)
	b = append(b, byte(len(o.pps)))
	put(o.pps)
	if len(o.tail) == 0 && o.profile >= 100 {
		o.tail = tail
	}
	return append(b, o.tail...)
}

// readHEVCConfig gives the parameter sets of a decoder configuration record of ISO/IEC 14496-15 section 8.3.3.1, the size of
// lengths, and the record with the mark taken off that says that no other sets are in the stream.
func readHEVCConfig(b []byte) (sets [][]byte, lengthSize int, open []byte, err error) {
	if len(b) < 23 || b[0] != 1 {
		return nil, 0, nil, errUnits
	}
	lengthSize, open = int(b[21]&3)+1, bytes.Clone(b)
	at := 23
	for range int(b[22]) {
		if len(b) < at+3 {
			return nil, 0, nil, errUnits
		}
		open[at] &^= 0x80
		n := int(binary.BigEndian.Uint16(b[at+1:]))
		at += 3
		for range n {
			if len(b) < at+2 || len(b) < at+2+int(binary.BigEndian.Uint16(b[at:])) {
				return nil, 0, nil, errUnits
			}
			size := int(binary.BigEndian.Uint16(b[at:]))
			if u := b[at+2 : at+2+size]; size > 1 && hevcKind(u) >= hevcVPS && hevcKind(u) <= hevcPPS {
				sets = append(sets, u)
			}
			at += 2 + size
		}
	}
	return sets, lengthSize, open, nil
}
