package av

import (
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/asticode/go-astiav"
	"github.com/ksamenet/ksamenet/ffcli/internal/avplane"
)

// lane carries one input stream to the output.
type lane struct {
	in, out *astiav.Stream
	delay   int64 // added to times, in the input's time base
	lastDTS int64 // in the output's time base
	begun   bool
}

// muxer writes the container. It belongs to one goroutine at a time.
type muxer struct {
	oc       *astiav.FormatContext
	pb       *astiav.IOContext
	closePb  func() error
	lanes    []*lane // by input stream; nil where a stream is left out
	video    *lane
	dropped  []Stream // left out
	strict   bool     // equal DTS in a row are not allowed
	retimed  int64
	lateSeen map[int]bool
}

// newMuxer makes a container of the kind that name's extension tells, to be written to path. The caller closes it.
func newMuxer(name, path string) (*muxer, error) {
	base := filepath.Base(name)
	avplane.TakeLog()
	guess, err := astiav.AllocOutputFormatContext(nil, "", name)
	if err != nil {
		return nil, faultf(ErrOutput, err, "%s: no container is known for the extension %q", base, filepath.Ext(name))
	}
	format, flags := guess.OutputFormat().Name(), guess.OutputFormat().Flags()
	guess.Free()
	if flags.Has(astiav.IOFormatFlagNofile) {
		return nil, faultf(ErrOutput, nil, "%s: %s writes more than one file, or none", base, format)
	}
	return newMuxerOf(format, base, path)
}

// newMuxerOf makes a container of a kind by FFmpeg's name.
func newMuxerOf(format, base, path string) (*muxer, error) {
	// With the part file's own name: muxers that rewrite their file (faststart) open it again by that name.
	oc, err := astiav.AllocOutputFormatContext(nil, format, path)
	if err != nil {
		return nil, faultf(ErrOutput, err, "%s: %s: %v", base, format, err)
	}
	if !strings.HasPrefix(format, "mxf") { // whose identifiers have to be unique
		oc.SetFlags(oc.Flags().Add(astiav.FormatContextFlagBitexact))
	}
	return &muxer{oc: oc, strict: !oc.OutputFormat().Flags().Has(astiav.IOFormatFlagTsNonstrict)}, nil
}

func (m *muxer) globalHeader() bool {
	return m.oc.OutputFormat().Flags().Has(astiav.IOFormatFlagGlobalheader)
}

// isISO says that the container is of the QuickTime and MP4 kind.
func (m *muxer) isISO() bool {
	return slices.Contains([]string{"mov", "mp4", "ipod", "psp", "3gp", "3g2", "f4v", "ismv"}, m.oc.OutputFormat().Name())
}

func (m *muxer) isMatroska() bool {
	return slices.Contains([]string{"matroska", "webm"}, m.oc.OutputFormat().Name())
}

// begin refuses a codec that the container cannot hold, and brings tags and chapters of the file into it.
func (m *muxer) begin(s *Source, ec *astiav.CodecContext, opts *TranscodeOptions) error {
	if !avplane.CanMux(m.oc, codecIDOf(ec)) {
		return faultf(ErrOutput, nil, "%s cannot hold video in %s", m.oc.OutputFormat().Name(), codecIDOf(ec).Name())
	}
	if err := avplane.CopyContainerProps(m.oc, s.ic); err != nil {
		return faultf(ErrOutput, err, "%v", err)
	}
	before := avplane.Tags(s.ic.Metadata())
	for _, k := range slices.Sorted(maps.Keys(opts.Metadata)) {
		v := opts.Metadata[k]
		if b := before[k]; strings.HasSuffix(b, "; "+v) {
			v = b
		} else if b != "" && b != v {
			v = b + "; " + v
		}
		if err := avplane.SetMetadata(m.oc, k, v); err != nil {
			return faultf(ErrOutput, err, "tag %s: %v", k, err)
		}
	}
	return nil
}

// addStreams makes the output's streams in the input's order.
func (m *muxer) addStreams(r *reader, ec *astiav.CodecContext, first *astiav.Frame, opts *TranscodeOptions) error {
	s := r.src
	if err := m.begin(s, ec, opts); err != nil {
		return err
	}
	m.lanes = make([]*lane, len(s.streams))
	for i, st := range s.streams {
		if i == s.info.Video {
			l, err := m.addVideo(r, ec, first)
			if err != nil {
				return err
			}
			m.lanes[i], m.video = l, l
			continue
		}
		keep, err := m.keeps(s, st, opts)
		if err != nil {
			return err
		}
		if !keep {
			m.dropped = append(m.dropped, s.info.Streams[i])
			continue
		}
		l, err := m.addCopy(s, st)
		if err != nil {
			return err
		}
		m.lanes[i] = l
	}
	return m.clip(r.window())
}

// addFilm makes the stream of the film alone.
func (m *muxer) addFilm(r *reader, ec *astiav.CodecContext, first *astiav.Frame, opts *TranscodeOptions) error {
	if err := m.begin(r.src, ec, opts); err != nil {
		return err
	}
	l, err := m.addVideo(r, ec, first)
	if err != nil {
		return err
	}
	m.lanes, m.video = []*lane{l}, l
	return m.clip(r.window())
}

// clip brings chapters and timecodes to the part of the film that is seen; w may be nil, for the whole.
func (m *muxer) clip(w *window) error {
	if w == nil {
		return nil
	}
	avplane.SetChapters(m.oc, w.chapters(avplane.ChapterList(m.oc)))
	move := func(was map[string]string, set func(key, value string) error) error {
		is, err := w.tags(was)
		if err != nil || is["timecode"] == was["timecode"] {
			return err
		}
		return set("timecode", is["timecode"])
	}
	err := move(avplane.Tags(m.oc.Metadata()), func(k, v string) error { return avplane.SetMetadata(m.oc, k, v) })
	for _, l := range m.lanes {
		if l != nil && err == nil {
			err = move(avplane.Tags(l.out.Metadata()), func(k, v string) error { return avplane.SetStreamMetadata(l.out, k, v) })
		}
	}
	return err
}

// commonScale is the smallest number of ticks a second that holds those of film and sound, for the edit lists of QuickTime and MP4,
// which tell where streams begin; 0 when there is none that these can count with.
func (m *muxer) commonScale() int64 {
	scale := int64(1000) // the muxer's own
	for _, l := range m.lanes {
		if l == nil {
			continue
		}
		p := l.in.CodecParameters()
		n := int64(l.out.TimeBase().Den())
		switch p.MediaType() {
		case astiav.MediaTypeAudio: // which the muxer counts in samples
			n = max(1, int64(p.SampleRate()))
		case astiav.MediaTypeVideo:
		default:
			continue
		}
		a, b := scale, n
		for b != 0 {
			a, b = b, a%b
		}
		if scale = scale / a * n; scale > math.MaxInt32 {
			return 0
		}
	}
	return scale
}

func codecIDOf(ec *astiav.CodecContext) astiav.CodecID {
	p := astiav.AllocCodecParameters()
	defer p.Free()
	if err := p.FromCodecContext(ec); err != nil {
		return astiav.CodecIDNone
	}
	return p.CodecID()
}

// keeps says whether a stream other than the edited one goes to the output. Other pictures never go: they would show in
// the clear what the edit hides. A cover is left out, and reported; a second film stops the run unless it is dropped.
func (m *muxer) keeps(s *Source, st *astiav.Stream, opts *TranscodeOptions) (bool, error) {
	info, p := s.info.Streams[st.Index()], st.CodecParameters()
	if slices.Contains(opts.Drop, info.Index) {
		return false, nil
	}
	switch p.MediaType() {
	case astiav.MediaTypeVideo:
		if info.AttachedPicture {
			return false, nil
		}
		return false, &StreamError{info, "a second video stream would be copied unedited; drop it"}
	case astiav.MediaTypeAttachment:
		if strings.HasPrefix(tag(st, "mimetype"), "image/") {
			return false, nil
		}
		return true, nil // the muxer's codec query does not know attachments
	case astiav.MediaTypeData:
		if rebuilt(s, st) {
			return false, nil
		}
	}
	if p.CodecID() == astiav.CodecIDNone || !avplane.CanMux(m.oc, p.CodecID()) {
		if opts.DropUnmuxable {
			return false, nil
		}
		return false, &StreamError{info, m.oc.OutputFormat().Name() + " cannot hold it; drop it, or choose another container"}
	}
	return true, nil
}

// rebuilt names the tracks of QuickTime files that its muxer makes anew: timecode, from the stream's metadata, and
// chapter titles, from the chapters.
func rebuilt(s *Source, st *astiav.Stream) bool {
	switch avplane.CodecTag(st.CodecParameters()) {
	case "tmcd":
		return true
	case "text":
		return avplane.Chapters(s.ic) > 0 && st.CodecParameters().CodecID() == astiav.CodecIDBinData
	}
	return false
}

func (m *muxer) addVideo(r *reader, ec *astiav.CodecContext, first *astiav.Frame) (*lane, error) {
	s := r.src
	o := m.oc.NewStream(nil)
	if o == nil {
		return nil, faultf(ErrOutput, nil, "out of memory")
	}
	p, in := o.CodecParameters(), s.video.CodecParameters()
	if err := p.FromCodecContext(ec); err != nil {
		return nil, faultf(ErrOutput, err, "video stream: %v", err)
	}
	// Apple's players take HEVC by this tag only; FFmpeg's default is another.
	if m.isISO() && p.CodecID() == astiav.CodecIDHevc && avplane.CodecTag(in) == "hvc1" {
		p.SetCodecTag(in.CodecTag())
	}
	o.SetTimeBase(r.given.tb)
	if rate := ec.Framerate(); strings.HasPrefix(m.oc.OutputFormat().Name(), "mxf") && rate.Num() > 0 {
		o.SetTimeBase(astiav.NewRational(rate.Den(), rate.Num())) // MXF counts in pictures
	}
	if err := avplane.CopyStreamProps(o, s.video, false); err != nil {
		return nil, faultf(ErrOutput, err, "video stream: %v", err)
	}
	if r.prefilter() != nil {
		avplane.SetStreamRate(o, ec.Framerate(), ec.SampleAspectRatio())
	}
	if err := avplane.AddHDR(o, first); err != nil {
		return nil, faultf(ErrOutput, err, "video stream: %v", err)
	}
	return &lane{in: s.video, out: o}, nil
}

func (m *muxer) addCopy(s *Source, st *astiav.Stream) (*lane, error) {
	info := describe(st)
	o := m.oc.NewStream(nil)
	if o == nil {
		return nil, faultf(ErrOutput, nil, "out of memory")
	}
	if err := st.CodecParameters().Copy(o.CodecParameters()); err != nil {
		return nil, &StreamError{info, err.Error()}
	}
	if !avplane.TagValid(m.oc, st.CodecParameters()) {
		o.CodecParameters().SetCodecTag(0)
	}
	o.SetTimeBase(st.TimeBase())
	if err := avplane.CopyStreamProps(o, st, true); err != nil {
		return nil, &StreamError{info, err.Error()}
	}
	l := &lane{in: st, out: o}
	// Matroska keeps the delay of a codec (Opus) apart. Its demuxer takes it off the times, its muxer does not add it again.
	if m.isMatroska() && s.isMatroska() {
		p := st.CodecParameters()
		l.delay = astiav.RescaleQ(avplane.InitialPadding(p), astiav.NewRational(1, max(1, p.SampleRate())), st.TimeBase())
	}
	return l, nil
}

// start opens the file and writes the header.
func (m *muxer) start(name, path string, set map[string]string) error {
	base := filepath.Base(name)
	pb, err := astiav.OpenIOContext("file:"+path, astiav.NewIOContextFlags(astiav.IOContextFlagWrite))
	if err != nil {
		return faultf(ErrOutput, err, "%s cannot be written: %v", base, err)
	}
	m.pb, m.closePb = pb, pb.Close
	return m.header(base, set)
}

// header writes the header to what is open.
func (m *muxer) header(base string, set map[string]string) error {
	m.oc.SetPb(m.pb)
	d, err := dictionary(set)
	if err != nil {
		return err
	}
	defer d.Free()
	avplane.TakeLog()
	if err := m.oc.WriteHeader(d); err != nil {
		return faultf(ErrOutput, err, "%s: %s: %s", base, m.oc.OutputFormat().Name(), reason(err))
	}
	if left := leftover(d); left != "" {
		return faultf(ErrOutput, nil, "container %s has no option %q", m.oc.OutputFormat().Name(), left)
	}
	return nil
}

// copy writes a packet of another stream and frees it.
func (m *muxer) copy(p *astiav.Packet) error {
	defer p.Free()
	i := p.StreamIndex()
	if i >= len(m.lanes) {
		m.late(i)
		return nil
	}
	if m.lanes[i] == nil {
		return nil
	}
	l := m.lanes[i]
	if l.delay != 0 {
		p.SetPts(later(p.Pts(), l.delay))
		p.SetDts(later(p.Dts(), l.delay))
	}
	return m.write(p, l, l.in.TimeBase())
}

func later(t, by int64) int64 {
	if t == astiav.NoPtsValue {
		return t
	}
	return t + by
}

// late notes a stream that appeared after the headers were read: the output has no place for it.
func (m *muxer) late(i int) {
	if m.lateSeen[i] {
		return
	}
	if m.lateSeen == nil {
		m.lateSeen = map[int]bool{}
	}
	m.lateSeen[i] = true
	m.dropped = append(m.dropped, Stream{Index: i, Type: "late", Codec: "unknown"})
}

// write puts a packet with times in tb into its lane. Rounding to a coarser time base may make decoding times meet; they
// are then moved on by a tick, as the ffmpeg tool does, and counted.
func (m *muxer) write(p *astiav.Packet, l *lane, tb astiav.Rational) error {
	p.SetStreamIndex(l.out.Index())
	p.RescaleTs(tb, l.out.TimeBase())
	p.SetPos(-1)
	if dts := p.Dts(); dts != astiav.NoPtsValue {
		least := l.lastDTS
		if m.strict {
			least++
		}
		if l.begun && dts < least {
			p.SetDts(least)
			if pts := p.Pts(); pts != astiav.NoPtsValue && pts < least {
				p.SetPts(least)
			}
			m.retimed++
		}
		l.lastDTS, l.begun = p.Dts(), true
	}
	avplane.TakeLog()
	if err := m.oc.WriteInterleavedFrame(p); err != nil {
		return faultf(ErrOutput, err, "stream %d: %s", l.in.Index(), reason(err))
	}
	return nil
}

// finish writes the trailer and closes the file.
func (m *muxer) finish() error {
	if err := m.oc.WriteTrailer(); err != nil {
		return faultf(ErrOutput, err, "the end of the file cannot be written: %s", reason(err))
	}
	m.pb = nil
	if err := m.closePb(); err != nil {
		return faultf(ErrOutput, err, "the end of the file cannot be written: %v", err)
	}
	return nil
}

func (m *muxer) close() {
	if m.pb != nil {
		_ = m.closePb() // what was written is thrown away, or an error was told before
		m.pb = nil
	}
	if m.oc != nil {
		m.oc.Free()
		m.oc = nil
	}
}
