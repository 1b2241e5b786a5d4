package av

import (
	"fmt"
	"strings"
	"time"

	"github.com/asticode/go-astiav"
	"github.com/ksamenet/ksamenet/ffcli/internal/avplane"
)

// ending watches how an input ends: whole, or early.
type ending struct {
	src           *Source
	packets       []int64       // read, by stream
	last          time.Duration // latest end of a packet, from 0 or from the start of the file
	corruptTail   bool          // the video's last packet was damaged
	corrupt       int64         // damaged video packets
	videoBytes    int64         // of the first video packet
	firstDTS      int64         // of the first video packet
	decodeErrors  int64
	complaints    int64 // of decoders in this process before this run
	corruptFrames int64 // frames that the decoder had to conceal
	readFailure   string
}

func newEnding(s *Source) *ending {
	return &ending{src: s, packets: make([]int64, len(s.streams)), firstDTS: astiav.NoPtsValue, complaints: avplane.DecoderErrors()}
}

func (e *ending) saw(p *astiav.Packet) {
	i := p.StreamIndex()
	if i >= len(e.packets) {
		return
	}
	e.packets[i]++
	st := e.src.streams[i]
	if i == e.src.video.Index() {
		if e.videoBytes == 0 {
			e.videoBytes, e.firstDTS = int64(p.Size()), p.Dts()
		}
		e.corruptTail = p.Flags().Has(astiav.PacketFlagCorrupt)
		if e.corruptTail {
			e.corrupt++
		}
	}
	t := p.Pts()
	if t == astiav.NoPtsValue {
		t = p.Dts()
	}
	if t == astiav.NoPtsValue {
		return
	}
	end := astiav.RescaleQ(t+p.Duration(), st.TimeBase(), astiav.NewRational(1, int(time.Second)))
	e.last = max(e.last, time.Duration(end))
	if start := e.src.ic.StartTime(); start != astiav.NoPtsValue { // containers differ in where a duration starts
		e.last = max(e.last, time.Duration(end-start*1000))
	}
}

func (e *ending) readError(why string) { e.readFailure = why }

// early says why the input ended before its time, after the last frame; empty when it is whole.
func (e *ending) early() string {
	var why []string
	if e.readFailure != "" {
		why = append(why, "reading failed: "+e.readFailure)
	}
	if p := e.src.pipe; p != nil {
		if s := p.early(e.src.info.Format); s != "" {
			why = append(why, s)
		}
	} else if s := shortened(e.src.info.Path); s != "" {
		why = append(why, s)
	}
	// The index of ISO media counts the samples there ought to be.
	if e.src.isISO() {
		for i, st := range e.src.streams {
			t := st.CodecParameters().MediaType()
			if i >= len(e.packets) || (i != e.src.video.Index() && t != astiav.MediaTypeAudio) {
				continue
			}
			if n := avplane.DescribeStream(st).IndexEntries; e.packets[i] < n {
				why = append(why, fmt.Sprintf("stream %d has %d of %d samples", i, e.packets[i], n))
			}
		}
	}
	// Declared durations are often a little off; structure (above) finds small cuts.
	if d := e.src.info.Duration; avplane.DurationDeclared(e.src.ic) && e.last > 0 && e.last < d-time.Second-d/50 {
		why = append(why, fmt.Sprintf("it lasts %v of the %v declared", e.last.Round(10*time.Millisecond), d.Round(10*time.Millisecond)))
	}
	if e.corruptTail {
		why = append(why, "its last video packet is damaged")
	}
	return strings.Join(why, "; ")
}
