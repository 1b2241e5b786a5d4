package av

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/asticode/go-astiav"
)

// ErrSmart says that a file cannot be rendered in parts; the text says why.
var ErrSmart = errors.New("cannot be rendered in parts")

// How a codec's stream is taken apart, and put together again.
type smartKind int

const (
	smartIntra smartKind = iota + 1 // every picture stands alone, and headers with it
	smartAVC                        // H.264: new parts bring parameter sets under numbers of their own
	smartHEVC                       // HEVC: new parts carry their parameter sets; the old ones are said again behind them
)

// intraCodecs are those whose pictures may stand alone in a stream without a common header that differs between encoders.
// FFV1 has one: it is compared.
var intraCodecs = []string{"prores", "dnxhd", "mjpeg", "ffv1", "mpeg2video"}

type smartPacket struct{ pts, dts, duration int64 }

// smartPlan is how the video of a file can be taken apart: groups of packets that need no other, one after another in both
// decoding and presentation order.
type smartPlan struct {
	kind       smartKind
	lengthSize int           // of a unit's length in bytes; 0: start codes
	packets    []smartPacket // in decoding order; as many as pictures
	shown      []int64       // their presentation times, sorted
	groups     []int         // the first packet of each
	reorder    int           // by how many packets decoding runs ahead of presentation
	newID      int           // H.264: a number that no parameter set of the input has
	sets       [][]byte      // HEVC: the input's parameter sets
	header     []byte        // HEVC: the container's header for a stream with sets of its own
	avc        *avcConfig    // H.264 with lengths
}

func refuse(s *Source, format string, a ...any) error {
	return faultf(ErrSmart, nil, "%s %w: "+format, append([]any{filepath.Base(s.info.Path), ErrSmart}, a...)...)
}

// planSmart reads all packets of src's file and finds its groups.
func planSmart(ctx context.Context, path string) (*smartPlan, error) {
	s, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	p := &smartPlan{}
	used, err := p.begin(s)
	if err != nil {
		return nil, err
	}
	pkt := astiav.AllocPacket()
	defer pkt.Free()
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err := s.ic.ReadFrame(pkt); errors.Is(err, astiav.ErrEof) {
			break
		} else if err != nil {
			return nil, refuse(s, "reading failed: %s", reason(err))
		}
		if pkt.StreamIndex() == s.info.Video {
			if err := p.add(s, pkt, used); err != nil {
				return nil, err
			}
		}
		pkt.Unref()
	}
	return p, p.finish(s, used)
}

// begin finds out what kind of stream it is; used are the numbers of the parameter sets in its header.
func (p *smartPlan) begin(s *Source) (used map[int]bool, err error) {
	used = map[int]bool{}
	extra := s.video.CodecParameters().ExtraData()
	lengths := len(extra) > 0 && extra[0] == 1
	note := func(list [][]byte) {
		for _, u := range list {
			if id, ok := avcID(u); ok {
				used[id] = true
			}
		}
	}
	switch c := s.info.Codec; {
	case c == "h264":
		p.kind = smartAVC
		if lengths {
			if p.avc, err = readAVCConfig(extra); err != nil {
				return nil, refuse(s, "its H.264 header: %v", err)
			}
			p.lengthSize = p.avc.lengthSize
			note(p.avc.sps)
			note(p.avc.pps)
		} else {
			note(startCodeUnits(extra))
		}
	case c == "hevc":
		p.kind = smartHEVC
		if lengths {
			if p.sets, p.lengthSize, p.header, err = readHEVCConfig(extra); err != nil {
				return nil, refuse(s, "its HEVC header: %v", err)
			}
		} else {
			for _, u := range startCodeUnits(extra) {
				if len(u) > 1 && hevcKind(u) >= hevcVPS && hevcKind(u) <= hevcPPS {
					p.sets = append(p.sets, u)
				}
			}
		}
		if len(p.sets) < 3 {
			return nil, refuse(s, "its header lacks HEVC parameter sets")
		}
	case slices.Contains(intraCodecs, c):
		p.kind = smartIntra
	default:
		return nil, refuse(s, "%s pictures depend on each other in ways that are not handled; H.264, HEVC, %s can be", c, join(intraCodecs))
	}
	return used, nil
}

func join(words []string) string {
	text := ""
	for i, w := range words {
		if i > 0 {
			text += ", "
		}
		text += w
	}
	return text
}

// add looks at a packet of the video.
func (p *smartPlan) add(s *Source, pkt *astiav.Packet, used map[int]bool) error {
	n := len(p.packets)
	q := smartPacket{pkt.Pts(), pkt.Dts(), pkt.Duration()}
	switch {
	case q.pts == astiav.NoPtsValue || q.dts == astiav.NoPtsValue:
		return refuse(s, "packet %d has no time", n)
	case n > 0 && q.dts <= p.packets[n-1].dts:
		return refuse(s, "the decoding time of packet %d does not follow the one before", n)
	case pkt.Flags().Has(astiav.PacketFlagCorrupt), pkt.Flags().Has(astiav.PacketFlagDiscard):
		return refuse(s, "packet %d is damaged or not to be shown", n)
	case len(pkt.SideData(astiav.PacketSideDataTypeNewExtradata)) > 0:
		return refuse(s, "its header changes at packet %d", n)
	}
	p.packets = append(p.packets, q)
	closed := pkt.Flags().Has(astiav.PacketFlagKey)
	if p.kind == smartIntra {
		if !closed {
			return refuse(s, "packet %d of its %s needs others", n, s.info.Codec)
		}
		p.groups = append(p.groups, n)
		return nil
	}
	list, err := units(pkt.Data(), p.lengthSize)
	if err != nil {
		return refuse(s, "packet %d: %v", n, err)
	}
	closed = false
	for _, u := range list {
		if p.kind == smartAVC {
			closed = closed || avcKind(u) == avcIDR
			if id, ok := avcID(u); ok {
				used[id] = true
			}
		} else {
			closed = closed || hevcKind(u) == hevcIDR || hevcKind(u) == hevcIDRWithLeading
		}
	}
	if closed {
		p.groups = append(p.groups, n)
	} else if n == 0 {
		return refuse(s, "its first picture needs others")
	}
	return nil
}

// finish joins groups whose pictures are shown among those of the group before.
func (p *smartPlan) finish(s *Source, used map[int]bool) error {
	if len(p.packets) == 0 {
		return refuse(s, "it has no pictures")
	}
	var groups []int
	latest := int64(0) // presentation time of all before
	for i, first := range p.groups {
		last := len(p.packets)
		if i+1 < len(p.groups) {
			last = p.groups[i+1]
		}
		lo, hi := p.packets[first].pts, p.packets[first].pts
		for _, q := range p.packets[first:last] {
			lo, hi = min(lo, q.pts), max(hi, q.pts)
		}
		if i == 0 || lo > latest {
			groups = append(groups, first)
			latest = hi
		}
		latest = max(latest, hi)
	}
	p.groups = groups
	for _, q := range p.packets {
		p.shown = append(p.shown, q.pts)
	}
	slices.Sort(p.shown)
	for i := range p.shown[1:] {
		if p.shown[i] == p.shown[i+1] {
			return refuse(s, "two of its packets have one time; a picture may be spread over two (interlaced H.264)")
		}
	}
	for i, q := range p.packets {
		at, _ := slices.BinarySearch(p.shown, q.pts)
		p.reorder = max(p.reorder, i-at)
	}
	for p.newID = 31; p.newID > 0 && used[p.newID]; p.newID-- { // the largest that a sequence may have
	}
	if p.newID == 0 {
		return refuse(s, "no number is left for a parameter set")
	}
	return nil
}

// run is a stretch of groups that are all copied, or all made anew.
type run struct {
	first, count int // packets, and pictures
	anew         bool
}

// runs divides the file: anew where a picture of the group is touched.
func (p *smartPlan) runs(touched func(picture int64) bool) []run {
	var list []run
	for i, first := range p.groups {
		last := len(p.packets)
		if i+1 < len(p.groups) {
			last = p.groups[i+1]
		}
		anew := false
		for n := first; n < last && !anew; n++ {
			anew = touched(int64(n))
		}
		if k := len(list) - 1; k >= 0 && list[k].anew == anew {
			list[k].count += last - first
		} else {
			list = append(list, run{first, last - first, anew})
		}
	}
	return list
}

// adapt sets an encoder so that its pictures can stand among the input's.
func (p *smartPlan) adapt(s *Source, out *muxer, opts *TranscodeOptions) error {
	name := out.oc.OutputFormat().Name()
	encoders := map[smartKind][]string{smartAVC: {"", "h264", "libx264"}, smartHEVC: {"", "hevc", "libx265"}}[p.kind]
	switch {
	case len(encoders) > 0 && !slices.Contains(encoders, opts.Codec):
		return refuse(s, "encoder %s does not write what can stand among its %s", opts.Codec, s.info.Codec)
	case opts.Filter != "" || opts.Widen:
		return refuse(s, "a filter chain or a preset that converts changes every picture")
	case p.kind == smartAVC && (opts.Options["qp"] == "0" || opts.CRF != nil && *opts.CRF == 0):
		// FFmpeg 5.1 decodes a part without loss behind one with loss to other pixels, without a word (x264 164; qp 1 is exact).
		return refuse(s, "H.264 without loss among other H.264 is decoded wrongly by FFmpeg; ask for qp=1 or crf 1")
	case opts.MatchRate:
		return refuse(s, "a bit rate is held over a whole file")
	case p.lengthSize > 0 && !out.isISO() && !out.isMatroska(), p.kind != smartIntra && p.lengthSize == 0 && name != "mpegts":
		return refuse(s, "%s keeps %s in another form than the input; name the output like the input", name, s.info.Codec)
	case p.kind == smartIntra && !out.isISO() && !out.isMatroska() && name != "avi" && name != "mpegts":
		return refuse(s, "%s is not handled; .mov, .mp4, .mkv, .ts and .avi are", name)
	}
	o := map[string]string{}
	for k, v := range opts.Options {
		o[k] = v
	}
	add := func(key, text string) {
		if o[key] != "" {
			text = o[key] + ":" + text
		}
		o[key] = text
	}
	switch p.kind {
	case smartAVC:
		add("x264-params", fmt.Sprintf("sps-id=%d:open-gop=0", p.newID))
		if p.reorder == 1 {
			add("x264-params", "b-pyramid=none")
		}
	case smartHEVC:
		add("x265-params", "open-gop=0")
		if p.reorder == 1 {
			add("x265-params", "b-pyramid=0")
		}
	}
	if p.kind != smartIntra && p.reorder == 0 {
		o["bf"] = "0"
	}
	if p.kind == smartIntra && s.info.Codec == "mpeg2video" {
		o["g"], o["bf"] = "1", "0"
		if _, said := o["flags"]; !said && !asksRate(o) { // rate control would begin anew with every run: quantiser 2 instead
			o["flags"], o["global_quality"] = "+qscale", "236"
		}
	}
	opts.Options = o
	return nil
}
