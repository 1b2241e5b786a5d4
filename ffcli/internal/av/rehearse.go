package av

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/asticode/go-astiav"
	"golang.org/x/sys/unix"

	"github.com/ksamenet/ksamenet/ffcli/internal/avplane"
)

// rehearse writes the first picture in memory as the run will, reads it back, and returns ErrUnsaid if the container or the codec
// does not say of the film what the input does: its colours, the shape of its pixels, how it is turned, HDR10, fields, chapters,
// timecode. Which ones hold what is nowhere written down, and differs from version to version; and a codec may have been written by an encoder that says
// more than ours.
//
// name is what messages call the output.
func (j *job) rehearse(name string, first *astiav.Frame, header bool, opts *TranscodeOptions) (err error) {
	if opts.DropTags || opts.Smart != nil { // which takes the same container and codec alone
		return nil
	}
	fd, err := unix.MemfdCreate("rehearsal", unix.MFD_CLOEXEC)
	if err != nil {
		return faultf(ErrOutput, err, "no memory for a trial of %s: %v", name, err)
	}
	defer unix.Close(fd)
	path := fmt.Sprintf("/proc/self/fd/%d", fd)
	said, encoder, err := j.rehearsal(name, path, first, header, opts)
	if err != nil {
		return err
	}
	lost, err := j.unsaid(path, first, said)
	if err != nil || len(lost) == 0 {
		return err
	}
	return faultf(ErrUnsaid, nil, "%s: %s with %s cannot say what the input says of its film: %s", name, j.mux.oc.OutputFormat().Name(), encoder, strings.Join(lost, ", "))
}

// rehearsal writes a film of one picture to path, and tells the facts that it was to say, and by which encoder.
func (j *job) rehearsal(name, path string, first *astiav.Frame, header bool, opts *TranscodeOptions) (said map[string]string, encoder string, err error) {
	ec, fam, err := openEncoder(j.reader, first, header, opts)
	if err != nil {
		return nil, "", err
	}
	begun, drained := false, false
	defer func() { freeEncoder(ec, fam.encoder, begun, drained) }()
	m, err := newMuxerOf(j.mux.oc.OutputFormat().Name(), name, path)
	if err != nil {
		return nil, "", err
	}
	defer m.close()
	if err := m.addFilm(j.reader, ec, first, opts); err != nil {
		return nil, "", err
	}
	said = avplane.Facts(m.video.out)
	if err := m.start(name, path, muxOptions(j, m, opts)); err != nil {
		return nil, "", err
	}
	e := newEncoding(ec, fam.fixedRate || opts.ConstantRate, m, j.reader.given.tb)
	defer e.close()
	begun = true
	if err := e.frame(first, j.reader.given.first); err != nil {
		return nil, "", err
	}
	drained = true
	if err := e.frame(nil, 0); err != nil {
		return nil, "", err
	}
	return said, fam.encoder, m.finish()
}

// saidFacts are those of a film that show or play otherwise when they are lost.
var saidFacts = []string{"color_range", "color_primaries", "color_transfer", "color_space", aspectFact}

// implied are the facts that every reader assumes of pictures in f's pixel format when nothing is said.
func implied(f *astiav.Frame) map[string]string {
	l, err := avplane.Layout(f.PixelFormat())
	switch {
	case err != nil:
		return nil
	case l.RGB:
		return map[string]string{"color_range": "pc", "color_space": "gbr"}
	case l.Colors() == 1:
		return map[string]string{"color_range": "pc"}
	}
	return map[string]string{"color_range": "tv"}
}

// unsaid lists what the film at path does not say.
func (j *job) unsaid(path string, first *astiav.Frame, said map[string]string) (lost []string, err error) {
	back, err := Open(path)
	if err != nil {
		return nil, faultf(ErrOutput, err, "what is written cannot be read back: %v", err)
	}
	defer back.Close()
	r, err := newReader(back, 1, 2, false, View{})
	if err != nil {
		return nil, err
	}
	defer r.close()
	it, err := r.next(context.Background())
	if err != nil {
		return nil, faultf(ErrOutput, err, "what is written cannot be read back: %v", err)
	}
	defer r.release(it.frame)
	is := avplane.Facts(back.video)
	goesWithout := implied(first)
	for _, k := range saidFacts {
		if is[k] == "" {
			is[k] = goesWithout[k]
		}
		if was := said[k]; was != "" && was != is[k] && !(k == aspectFact && nearAspect(was, is[k], first.Width())) {
			lost = append(lost, strings.ReplaceAll(k, "_", " ")+" "+was)
		}
	}
	if avplane.Describe(first).Interlaced && !avplane.Describe(it.frame).Interlaced {
		lost = append(lost, "fields")
	}
	was, err := avplane.X265HDR(first)
	if err != nil {
		return nil, err
	}
	now, err := avplane.X265HDR(it.frame)
	if err != nil {
		return nil, err
	}
	if was != now && was != "" {
		lost = append(lost, "HDR10 metadata")
	}
	data, kept := avplane.SideData(j.src.video), avplane.SideData(back.video)
	for _, k := range slices.Sorted(maps.Keys(data)) {
		if !codedSideData(k) && string(kept[k]) != string(data[k]) {
			lost = append(lost, strings.ToLower(k))
		}
	}
	if n := len(j.reader.window().chapters(avplane.ChapterList(j.src.ic))); n > len(avplane.ChapterList(back.ic)) {
		lost = append(lost, fmt.Sprintf("%d chapters", n))
	}
	if code := j.src.info.Timecode; code != "" && back.info.Timecode == "" {
		lost = append(lost, "timecode "+code)
	}
	return lost, nil
}
