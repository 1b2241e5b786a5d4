package ffcli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/core/registry"
	"github.com/ksamenet/ksamenet/core/report"
	"github.com/ksamenet/ksamenet/ffcli/internal/av"
)

// session is one command's settings, networks and registry.
type session struct {
	cfg    pipeline.Config
	c      *cli.Context
	show   progressMode
	out    io.Writer        // data: JSON lines
	err    io.Writer        // everything else
	stages *pipeline.Stages // of pass 1
	reg    *registry.Registry
	write  av.TranscodeOptions // what the flags say of the output's coding
	file   int                 // number of the file that is worked on, among several; 0: it is the only one
	log    *fileLog            // of that file; may be nil
	order  *order              // of the files' decisions
	done   outcome             // of that file
	copied int64               // pictures of that file that were copied (--smart)
}

func newSession(c *cli.Context) (*session, error) {
	cfg, err := config(c)
	if err != nil {
		return nil, err
	}
	s := &session{cfg: cfg, c: c, out: c.App.Writer, err: c.App.ErrWriter}
	s.show = progressModeFor(s.err, c.Bool("quiet"), c.Bool("json"))
	if err := checkView(c); err != nil {
		return nil, err
	}
	return s, writing(c, &s.write)
}

// open opens the networks of pass 1 and the registry.
func (s *session) open(ctx context.Context, c *cli.Context) (err error) {
	cfg := s.cfg
	if cfg.Threads == 0 { // the scout and the analysis run their networks beside each other
		cfg.Threads = max(1, infer.AutoThreads(0)/2)
	}
	if s.stages, err = pipeline.OpenStages(ctx, cfg); err != nil {
		return err
	}
	av.ReturnMemory() // what opening the networks took
	s.reg, err = s.openRegistry(c)
	return err
}

// openRegistry opens the registry; the default one is made on first use, one that was named must exist.
func (s *session) openRegistry(c *cli.Context) (*registry.Registry, error) {
	db, key, err := registryPaths(c)
	if err != nil {
		return nil, err
	}
	opt := registry.Options{Recognizer: recognizerOf(s.stages), Log: s.cfg.Log}
	r, err := registry.Open(db, key, opt)
	switch {
	case errors.Is(err, registry.ErrNoRegistry) && !c.IsSet("registry"):
		r, err = registry.Init(db, key, opt)
		if err == nil {
			s.say("made a new registry: %s (its key: %s; keep a copy of the key elsewhere)", db, key)
		}
		return r, err
	case errors.Is(err, registry.ErrNoRegistry):
		return nil, withHint(err, "ksamenet registry init --registry "+db+" --key-file "+key)
	case errors.Is(err, registry.ErrNoKey), errors.Is(err, registry.ErrWrongKey):
		return nil, withHint(err, "name the key that was made with this registry: --key-file FILE")
	}
	return r, err
}

// recognizerOf names the recogniser by its content, so that a registry is never matched with another network's embeddings.
func recognizerOf(st *pipeline.Stages) string {
	if st == nil {
		return ""
	}
	m := st.Models()
	return m[len(m)-1].Name + ":" + m[len(m)-1].SHA256
}

func (s *session) close() error {
	var errs []error
	if s.stages != nil {
		errs = append(errs, s.stages.Close())
	}
	if s.reg != nil {
		errs = append(errs, s.reg.Close())
	}
	return errors.Join(errs...)
}

// say tells the user something, unless they asked for quiet or for JSON.
func (s *session) say(format string, a ...any) {
	if s.show == progressLines || s.show == progressBar {
		fmt.Fprintf(s.err, "ksamenet: "+format+"\n", a...)
	}
	s.log.printf(format, a...)
}

// event writes a JSON line when the user asked for them.
func (s *session) event(name string, fields map[string]any) error {
	if s.show != progressJSON {
		return nil
	}
	fields["event"] = name
	if s.file > 0 {
		fields["file"] = s.file
	}
	return json.NewEncoder(s.out).Encode(fields)
}

func (s *session) progress(pass string, total int64) *progress {
	w := s.err
	if s.show == progressJSON {
		w = s.out
	}
	p := newProgress(w, s.show, pass, total)
	p.file, p.log = s.file, s.log
	return p
}

// analysis is the outcome of pass 1.
type analysis struct {
	list    *decisions.List
	reading av.Reading
	fps     float64
	times   pipeline.Times
	ledger  report.Ledger     // the state of the registry that the list was made or confirmed with
	assured *pipeline.Assured // by pass 1 of this run; nil: there was none, or the list may have been edited since
}

// truncation is the failure of an input that ended early, unless that is allowed.
func (a *analysis) truncation(allowed bool) error {
	if !a.list.Source.Truncated || allowed {
		return nil
	}
	return withHint(fmt.Errorf("the input ended early: %s", a.reading.Reason), "what could be decoded was processed; --allow-truncated makes this no failure")
}

// analyze is pass 1. last: no other file follows, and its networks make room for the decision list.
func (s *session) analyze(ctx context.Context, in string, last bool) (*analysis, error) {
	src, err := av.Open(in)
	if err != nil {
		return nil, err
	}
	source := sourceOf(src.Info())
	view, err := viewOf(s.c, src.Info())
	total := view.Estimate(src.Info())
	src.Close()
	if err != nil {
		return nil, err
	}
	if source.SHA256, err = fileSHA256(ctx, in); err != nil {
		return nil, err
	}
	an, err := pipeline.NewAnalyzer(s.cfg, s.stages)
	if err != nil {
		return nil, err
	}
	if last {
		an.Release = s.shut
	}
	p := s.progress("analyse", total)
	scout := func(pic *frame.Picture) error { return an.Scout(ctx, pic) }
	r, err := av.DecodeAhead(ctx, in, av.DecodeOptions{Hardware: s.c.String("hwaccel"), View: view}, scout, func(pic *frame.Picture) error {
		n, err := an.Picture(ctx, pic)
		p.step(n)
		return err
	})
	fps := p.finish()
	if err != nil {
		return nil, refused(err)
	}
	if err := tellView(&source, s.c, r.Reading); err != nil {
		return nil, err
	}
	if r.Truncated {
		s.warn("%s ended early: %s", filepath.Base(in), r.Reason)
	}
	if n := r.DecodeErrors + r.CorruptPackets; n > 0 {
		s.warn("%s: %d damaged packets, %d pictures with parts the decoder made up", filepath.Base(in), n, r.ConcealedFrames)
	}
	source.Truncated, source.ConstantRate = r.Truncated, r.ConstantRate
	list, ledger, err := s.decide(ctx, an, source)
	var few *ksame.TooFewError
	if errors.As(err, &few) {
		return nil, &exitError{code: exitTooFew, err: fmt.Errorf("%d distinct people are known, k = %d are needed; nothing was rendered", few.Have, few.Need), hints: []string{
			"enrol more people: ksamenet registry enroll PICTURES…",
			fmt.Sprintf("or ask for less: --k %d", max(few.Have, 1)),
			"or --uncertified: everyone shares one surrogate, and the report says NOT CERTIFIED",
		}}
	}
	if err != nil {
		return nil, err
	}
	return &analysis{list: list, reading: r.Reading, fps: fps, times: an.Times(), ledger: ledger, assured: an.Assured()}, nil
}

// confirm lets a certified list keep its certificate only if the registry bears it out: lists are made to be edited.
func (s *session) confirm(c *cli.Context, list *decisions.List) error {
	if !list.Policy.Certified {
		return nil
	}
	db, key, err := registryPaths(c)
	if err != nil {
		return err
	}
	r, err := registry.Open(db, key, registry.Options{Log: s.cfg.Log})
	if err == nil {
		if err = pipeline.Confirm(r, list); err == nil {
			s.reg = r
			return nil
		}
		err = errors.Join(err, r.Close())
	}
	if !c.Bool("uncertified") {
		return withHint(err, "name the registry that the list was made with: --registry FILE --key-file FILE",
			"or analyse again, or --uncertified: the report then says NOT CERTIFIED")
	}
	list.Policy.Certified, list.Policy.Why = false, "no registry bears out the decision list"
	return nil
}

func (s *session) warn(format string, a ...any) {
	fmt.Fprintf(s.err, "warning: "+format+"\n", a...)
	s.log.printf("warning: "+format, a...)
}

// redact is both passes. last: no other file follows, and the networks of pass 1 make room for those of pass 2.
func (s *session) redact(ctx context.Context, j job, last bool) error {
	if done, err := s.finished(ctx, j); done || err != nil {
		return err
	}
	view, err := viewOfFile(s.c, j.input)
	if err != nil {
		return err
	}
	if err := s.checkOutput(ctx, j, view); err != nil {
		return err
	}
	a, err := s.resumed(ctx, j)
	if err != nil {
		return err
	}
	if a == nil {
		if a, err = s.analyze(ctx, j.input, last); err != nil {
			return err
		}
		if err := s.checkpoint(j, a.list); err != nil {
			return err
		}
	}
	if last { // after --resume they are still there, and what the list was made of is garbage now
		if err := s.shut(); err != nil {
			return err
		}
	}
	return s.render(ctx, j, a)
}

// shut closes the networks of pass 1. It may be called twice.
func (s *session) shut() error {
	err := s.stages.Close()
	av.ReturnMemory()
	return err
}

// transcoding is how the user wants the output written.
func (s *session) transcoding() av.TranscodeOptions {
	opt := s.write
	opt.Hardware = s.c.String("hwaccel")
	if kind, device, _ := strings.Cut(opt.Hardware, ":"); kind == "vaapi" {
		opt.Device = device // of the encoder too
	}
	opt.Overwrite, opt.Drop = s.c.Bool("overwrite"), s.c.IntSlice("drop")
	if codec := s.c.String("codec"); codec != "" {
		opt.Codec = codec
	}
	if !s.cfg.NoDisclosureTag {
		opt.Metadata = map[string]string{"comment": pipeline.DisclosureTag}
	}
	if crf := s.c.Float64("crf"); crf >= 0 {
		opt.CRF = &crf
	}
	return opt
}

// checkOutput refuses before any work what could only fail after it: names, encoder, container.
func (s *session) checkOutput(ctx context.Context, j job, view av.View) error {
	opt := s.transcoding()
	opt.View = view
	if err := av.Check(ctx, j.input, j.output, opt); err != nil {
		code := exitFailed
		if errors.Is(err, av.ErrView) || errors.Is(err, av.ErrSmart) || errors.Is(err, av.ErrExists) || errors.Is(err, av.ErrSameFile) || errors.Is(err, av.ErrEncoder) {
			code = exitUsage
		}
		e := &exitError{code: code, err: err}
		var stream *av.StreamError
		if errors.As(err, &stream) {
			e.hints = []string{fmt.Sprintf("--drop %d leaves it out; or name the output .mkv or .mov", stream.Stream.Index)}
		}
		if errors.Is(err, av.ErrExists) {
			e.hints = []string{"say --overwrite, or another name"}
		}
		if errors.Is(err, av.ErrUnsaid) {
			e.hints = []string{".mov and .mp4 say most; or --drop-tags lets go of it; a full range is converted by --vf-before scale=out_range=limited,format=yuv422p10le"}
		}
		if errors.Is(err, av.ErrSmart) {
			e.hints = []string{"leave --smart out: all pictures are then encoded anew"}
		}
		return e
	}
	for _, mark := range []string{markUnverified, markPartial} { // names that this run may have to give in place of the asked one
		if err := checkPlain(j.input, suffixed(j.output, mark), s.c.Bool("overwrite")); err != nil {
			return err
		}
	}
	if err := writable(filepath.Dir(j.report), false); err != nil {
		return err
	}
	// A run that was killed may have left a report without its output.
	again := s.c.Bool("overwrite") || s.c.Bool("resume")
	beside := []error{checkPlain(j.input, j.report, again), checkPlain(j.input, j.page(), again)}
	if list := s.c.String("write-decisions"); list != "" {
		beside = append(beside, checkPlain(j.input, list, again))
	}
	if err := errors.Join(beside...); err != nil || s.c.Bool("no-space-check") {
		return err
	}
	return checkSpace(j.input, j.output)
}
