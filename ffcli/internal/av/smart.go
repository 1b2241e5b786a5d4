package av

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/asticode/go-astiav"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/ffcli/internal/avplane"
)

// Smart copies the groups of pictures of which none is touched, packet by packet, and encodes the others anew. For H.264 and
// HEVC a group goes from one instant refresh to the next; of intra codecs every picture is one.
type Smart struct {
	Touched  func(picture int64) bool // pictures that are edited; whatever shares a group with one is encoded anew
	Pictures int64                    // how many the first pass counted; 0: it is not known
	Copied   func()                   // called for every copied picture; may be nil
}

// smartWork is a run in parts. It belongs to one goroutine.
type smartWork struct {
	j        *job
	src      *Source
	plan     *smartPlan
	opts     *TranscodeOptions
	edit     func(*frame.Picture) error
	runs     []run
	at       int // of runs
	read     int // packets of the video
	end      *ending
	dec      *astiav.CodecContext
	frame    *astiav.Frame
	enc      *encoding
	shown    int             // pictures that the decoder gave in this run
	written  int             // packets that the encoder gave in this run
	duration map[int64]int64 // of this run's packets, by their presentation time
	pic      frame.Picture
}

// prepareSmart makes the plan of j and adapts the options of its encoders.
func (j *job) prepareSmart(ctx context.Context, opts *TranscodeOptions) (err error) {
	if j.smart, err = planSmart(ctx, j.src.info.Path); err != nil {
		return err
	}
	if n := opts.Smart.Pictures; n > 0 && n != int64(len(j.smart.packets)) {
		return refuse(j.src, "%d pictures came of its %d packets", n, len(j.smart.packets))
	}
	return j.smart.adapt(j.src, j.mux, opts)
}

// headers says whether parameter sets stand in the container's header alone.
func (p *smartPlan) headers() bool { return p.kind == smartAVC && p.lengthSize > 0 }

// describe gives the output's stream the input's parameters, and a header that both kinds of pictures are decoded with.
func (p *smartPlan) describe(j *job, first *astiav.Frame) error {
	l := j.mux.video
	in, out := l.in.CodecParameters(), l.out.CodecParameters()
	if codecIDOf(j.encoder) != in.CodecID() {
		return refuse(j.src, "encoder %s does not write what can stand among its %s", j.encoderName, j.src.info.Codec)
	}
	if j.src.info.Codec == "ffv1" && string(in.ExtraData()) != string(j.encoder.ExtraData()) {
		return refuse(j.src, "its FFV1 was written with other settings than this encoder's (version, slices, coder)")
	}
	if err := in.Copy(out); err != nil {
		return faultf(ErrOutput, err, "video stream: %v", err)
	}
	if !avplane.TagValid(j.mux.oc, in) {
		out.SetCodecTag(0)
	}
	switch {
	case p.kind == smartAVC && p.lengthSize > 0:
		return out.SetExtraData(p.avc.with(startCodeUnits(j.encoder.ExtraData()), highTail(first.PixelFormat())))
	case p.kind == smartHEVC && p.lengthSize > 0:
		if j.mux.isISO() {
			out.SetCodecTag('h' | 'e'<<8 | 'v'<<16 | '1'<<24) // whose parameter sets may stand in the stream
		}
		return out.SetExtraData(p.header)
	}
	return nil
}

// highTail is what the record of H.264 says from profile High on: chroma format and depths.
func highTail(f astiav.PixelFormat) []byte {
	l, err := avplane.Layout(f)
	if err != nil {
		return nil
	}
	chroma, depth := byte(0), byte(l.Components[0].Depth-8)
	if len(l.Components) >= 3 {
		chroma = 3 - byte(l.Components[1].SubX) - byte(l.Components[1].SubY)
	}
	return []byte{0xfc | chroma, 0xf8 | depth, 0xf8 | depth, 0}
}

// runSmart is run for an output in parts.
func (j *job) runSmart(ctx context.Context, opts *TranscodeOptions, edit func(*frame.Picture) error) error {
	src, err := Open(j.src.info.Path)
	if err != nil {
		return err
	}
	defer src.Close()
	if err := src.UseHardware(opts.Hardware); err != nil {
		return err
	}
	w := &smartWork{j: j, src: src, plan: j.smart, opts: opts, edit: edit, runs: j.smart.runs(opts.Smart.Touched), end: newEnding(src)}
	defer w.close()
	w.frame = astiav.AllocFrame()
	pkt := astiav.AllocPacket()
	defer pkt.Free()
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := src.ic.ReadFrame(pkt); errors.Is(err, astiav.ErrEof) {
			break
		} else if err != nil {
			return refuse(src, "reading failed: %s", reason(err))
		}
		w.end.saw(pkt)
		if pkt.StreamIndex() == src.info.Video {
			err = w.video(pkt)
		} else if q := pkt.Clone(); q != nil {
			err = j.mux.copy(q)
		} else {
			err = faultf(ErrOutput, nil, "out of memory")
		}
		pkt.Unref()
		if err != nil {
			return err
		}
	}
	if w.read != len(w.plan.packets) {
		return w.changed()
	}
	if err := j.mux.finish(); err != nil {
		return err
	}
	if err := syncFile(j.out.path); err != nil {
		return faultf(ErrOutput, err, "the output cannot be brought to disk: %v", err)
	}
	if err := j.prove(ctx, w.runs); err != nil {
		return err
	}
	why := w.end.early()
	j.parts = &Reading{Frames: int64(w.read), Duration: w.since(w.plan.shown[w.read-1]), ConstantRate: opts.ConstantRate, Truncated: why != "", Reason: why}
	return nil
}

func (w *smartWork) changed() error { return refuse(w.src, "it changed while it was read") }

func (w *smartWork) since(ticks int64) time.Duration {
	return toTime(ticks-w.plan.shown[0], w.src.video.TimeBase())
}

// video takes the next packet of the video.
func (w *smartWork) video(p *astiav.Packet) error {
	if w.read >= len(w.plan.packets) {
		return w.changed()
	}
	if q := w.plan.packets[w.read]; p.Pts() != q.pts || p.Dts() != q.dts {
		return w.changed()
	}
	r := w.runs[w.at]
	if w.read == r.first && r.anew {
		if err := w.begin(r); err != nil {
			return err
		}
	}
	var err error
	if r.anew {
		if err = w.dec.SendPacket(p); err != nil {
			return refuse(w.src, "packet %d is not decoded: %s", w.read, reason(err))
		}
		err = w.pictures(r)
	} else {
		err = w.copy(p, w.read == r.first && w.at > 0)
		w.j.copied++
		if w.opts.Smart.Copied != nil {
			w.opts.Smart.Copied()
		}
	}
	if err != nil {
		return err
	}
	if w.read++; w.read < r.first+r.count {
		return nil
	}
	if r.anew {
		err = w.finish(r)
	}
	w.at++
	return err
}

// begin opens decoder and encoder for a run; the encoder that the headers were made with serves the first.
func (w *smartWork) begin(r run) (err error) {
	if w.dec, err = openDecoder(w.src, w.opts.Threads); err != nil {
		return err
	}
	j := w.j
	if j.encoder == nil {
		header := w.plan.headers()
		if j.encoder, _, err = openEncoder(j.reader, j.first, header, w.opts); err != nil {
			return err
		}
	}
	w.enc = newEncoding(j.encoder, j.enc.fixed, j.mux, w.src.video.TimeBase())
	w.enc.put = w.put
	w.shown, w.written, w.duration = 0, 0, map[int64]int64{}
	for _, q := range w.plan.packets[r.first : r.first+r.count] {
		w.duration[q.pts] = q.duration
	}
	return nil
}

// pictures edits and encodes what the decoder has.
func (w *smartWork) pictures(r run) error {
	for {
		if err := w.dec.ReceiveFrame(w.frame); errors.Is(err, astiav.ErrEagain) || errors.Is(err, astiav.ErrEof) {
			return nil
		} else if err != nil {
			return refuse(w.src, "a picture behind packet %d is not decoded: %s", r.first, reason(err))
		}
		err := w.src.fetch(w.frame)
		if err == nil {
			err = w.picture(r)
		}
		w.frame.Unref()
		if err != nil {
			return err
		}
	}
}

func (w *smartWork) picture(r run) error {
	n, i := r.first+w.shown, avplane.Describe(w.frame)
	if w.shown++; w.shown > r.count {
		return refuse(w.src, "more pictures than packets from picture %d on", r.first)
	}
	ticks := w.plan.shown[n]
	if i.PTS != ticks && i.BestPTS != ticks || i.Corrupt {
		return refuse(w.src, "picture %d is damaged, or not where its packet says", n)
	}
	if s := shapeOf(w.frame); s != shapeOf(w.j.first) {
		return faultf(ErrChanged, nil, "picture %d is %v after %v; such a stream has to be split there", n, s, shapeOf(w.j.first))
	}
	it := item{frame: w.frame, index: int64(n), ticks: ticks, pts: w.since(ticks)}
	if err := lend(&w.pic, it, true, w.edit); err != nil {
		return err
	}
	if err := w.j.checkCaptions(it); err != nil {
		return err
	}
	return w.enc.frame(w.frame, ticks)
}

// finish empties decoder and encoder at the end of a run.
func (w *smartWork) finish(r run) error {
	if err := w.dec.SendPacket(nil); err != nil {
		return refuse(w.src, "picture %d: %s", r.first+w.shown, reason(err))
	}
	if err := w.pictures(r); err != nil {
		return err
	}
	if err := w.enc.frame(nil, 0); err != nil {
		return err
	}
	if err := w.enc.complete(); err != nil {
		return err
	}
	if w.shown != r.count || w.written != r.count {
		return refuse(w.src, "%d pictures and %d packets came of %d packets from %d on", w.shown, w.written, r.count, r.first)
	}
	w.free()
	return nil
}

func (w *smartWork) free() {
	if w.dec != nil {
		freeDecoder(w.dec)
		w.dec = nil
	}
	if w.enc != nil {
		w.enc.close()
		w.enc = nil
		w.j.encoder.Free()
		w.j.encoder = nil
	}
}

func (w *smartWork) close() {
	w.free()
	if w.frame != nil {
		w.frame.Free()
	}
}

// put writes a packet of the encoder in the place of one of the input's: at its decoding time, in the container's form.
func (w *smartWork) put(p *astiav.Packet, from astiav.Rational) error {
	r, tb := w.runs[w.at], w.src.video.TimeBase()
	p.RescaleTs(from, tb)
	if w.written >= r.count {
		return refuse(w.src, "the encoder made more packets than there were")
	}
	q := w.plan.packets[r.first+w.written]
	w.written++
	duration, ok := w.duration[p.Pts()]
	if !ok || p.Pts() < q.dts {
		return refuse(w.src, "the encoder's order of pictures does not fit the input's decoding times at packet %d", r.first+w.written-1)
	}
	p.SetDts(q.dts)
	p.SetDuration(duration)
	return w.write(p, w.plan.recast(p.Data()))
}

// recast puts an encoder's packet into the container's form. Sets that stand in the header are left out.
func (p *smartPlan) recast(b []byte) []byte {
	if p.lengthSize == 0 {
		return b
	}
	var list [][]byte
	for _, u := range startCodeUnits(b) {
		if p.kind == smartAVC && (avcKind(u) == avcSPS || avcKind(u) == avcPPS || avcKind(u) == avcAUD) || p.kind == smartHEVC && hevcKind(u) == hevcAUDUnit {
			continue
		}
		list = append(list, u)
	}
	return joined(list, p.lengthSize)
}

// copy writes a packet as it is. Behind a run of new pictures HEVC's needs the input's parameter sets said again, unless it
// carries them: the new ones have the same numbers.
func (w *smartWork) copy(p *astiav.Packet, seam bool) error {
	if seam && w.plan.kind == smartHEVC {
		b := p.Data()
		list, err := units(b, w.plan.lengthSize)
		if err != nil {
			return refuse(w.src, "packet %d: %v", w.read, err)
		}
		if !hasSets(list) {
			return w.write(p, append(joined(w.plan.sets, w.plan.lengthSize), b...))
		}
	}
	return w.j.mux.write(p, w.j.mux.video, w.src.video.TimeBase())
}

func hasSets(list [][]byte) bool {
	has := map[int]bool{}
	for _, u := range list {
		has[hevcKind(u)] = true
	}
	return has[hevcVPS] && has[hevcSPS] && has[hevcPPS]
}

// write writes b with the times and flags of p.
func (w *smartWork) write(p *astiav.Packet, b []byte) error {
	if len(b) == 0 {
		return refuse(w.src, "a unit at packet %d is too long for the length before it", w.read)
	}
	o := astiav.AllocPacket()
	defer o.Free()
	const padding = 64 // AV_INPUT_BUFFER_PADDING_SIZE: parsers of the muxer may read beyond
	if err := o.FromData(append(b[:len(b):len(b)], make([]byte, padding)...)); err != nil {
		return faultf(ErrOutput, err, "%s: %v", filepath.Base(w.src.info.Path), err)
	}
	o.SetSize(len(b))
	o.SetPts(p.Pts())
	o.SetDts(p.Dts())
	o.SetDuration(p.Duration())
	o.SetFlags(p.Flags())
	return w.j.mux.write(o, w.j.mux.video, w.src.video.TimeBase())
}
