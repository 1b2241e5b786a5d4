package ffcli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/core/ksame"
	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/core/registry"
	"github.com/ksamenet/ksamenet/core/report"
	"github.com/ksamenet/ksamenet/ffcli/internal/av"
)

// render is pass 2: it obeys a's list, writes output and report, and names the output by how it went.
func (s *session) render(ctx context.Context, j job, a *analysis) (err error) {
	cfg := s.cfg
	if cfg.Threads == 0 { // the generator works ahead, beside compositor and encoder
		cfg.Threads = max(1, infer.AutoThreads(0)/2)
	}
	gen, err := pipeline.OpenSurrogates(ctx, cfg, a.list)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, gen.Close()) }()
	av.ReturnMemory() // the networks are open: what read them is done
	var v verified
	var res av.TranscodeResult
	var r *pipeline.Renderer
	var fps float64
	for {
		if r, res, fps, err = s.paint(ctx, j, a.list, gen); err != nil {
			return err
		}
		again, err := s.lookOver(ctx, res.Output.Path(), a, &v)
		if err != nil {
			return errors.Join(err, res.Output.Abort())
		}
		if !again {
			break
		}
		if err := res.Output.Abort(); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, res.Output.Abort()) }() // does nothing after Commit
	for _, d := range res.Dropped {
		if d.AttachedPicture || d.Type == "attachment" {
			s.warn("stream %s was left out: a picture beside the video may show a face", d)
		}
	}

	s.copied = res.Copied
	sum, err := fileSHA256(ctx, res.Output.Path())
	if err != nil {
		return err
	}
	rep := report.New(s.cfg.Tool, a.list)
	e := gen.Engine()
	rep.Engine = report.Engine{Backend: e.Backend, Version: e.Version, Device: e.Device, Why: e.Why}
	rep.Models = gen.Models()
	if s.stages != nil {
		first := s.stages.Models()
		rep.Models = append(first, slices.DeleteFunc(rep.Models, func(m report.Model) bool { return slices.Contains(first, m) })...)
	}
	v.tell(rep)
	rep.Ledger = a.ledger
	rep.Finish(r.Coverage(), report.File{SHA256: sum, Frames: res.Frames, Truncated: res.Truncated})

	if path := s.c.String("write-decisions"); path != "" {
		if err := writeAtomic(path, a.list.Write); err != nil {
			return err
		}
	}
	final, ended := s.verdict(j, a, rep)
	// The name comes last: whatever fails before it leaves nothing under it.
	var doc bytes.Buffer
	if err := rep.Write(&doc); err != nil {
		return err
	}
	faces, err := gen.Portraits(ctx, a.list)
	if err != nil {
		return err
	}
	if err := s.release(ctx, a.list, sum, doc.Bytes()); err != nil {
		return err
	}
	if err := writeReports(j, doc.Bytes(), func(w io.Writer) error { return rep.WriteHTML(w, doc.Bytes(), faces) }); err != nil {
		return err
	}
	if err := res.Output.Commit(final); err != nil {
		return errors.Join(err, os.Remove(j.report), os.Remove(j.page()))
	}
	if err := os.Remove(checkpointPath(j)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.warn("%v", err)
	}
	if err := s.summary(j, final, a, rep, r, fps); err != nil {
		s.warn("the summary could not be written: %v", err) // the work is done all the same
	}
	return ended
}

// paint writes the video as the list says, to a working file.
func (s *session) paint(ctx context.Context, j job, l *decisions.List, gen *pipeline.Surrogates) (*pipeline.Renderer, av.TranscodeResult, float64, error) {
	r := pipeline.NewRenderer(s.cfg, l, gen)
	r.Hurry()
	defer r.Close()
	p := s.progress("render", l.Source.Frames)
	opt := s.transcoding()
	opt.ConstantRate, opt.View = l.Source.ConstantRate, viewOfList(l)
	if opt.Smart != nil {
		jobs := l.ByFrame()
		opt.Smart = &av.Smart{
			Touched: func(n int64) bool { return len(jobs[n]) > 0 }, Pictures: l.Source.Frames, Copied: func() { p.step(0) },
		}
	}
	res, err := av.Transcode(ctx, j.input, j.output, opt, func(pic *frame.Picture) error {
		n, err := r.Picture(ctx, pic)
		p.step(n)
		return err
	})
	fps := p.finish()
	if err == nil && opt.Smart != nil {
		s.say("%d of %d pictures were copied as they were", res.Copied, res.Frames)
	}
	return r, res, fps, err
}

// writeReports writes the report for machines and the page for people, or neither.
func writeReports(j job, doc []byte, page func(io.Writer) error) error {
	err := writeAtomic(j.report, func(w io.Writer) error { _, err := w.Write(doc); return err })
	if err != nil {
		return err
	}
	if err := writeAtomic(j.page(), page); err != nil {
		return errors.Join(err, os.Remove(j.report))
	}
	return nil
}

// release writes into the ledger that these clusters were shown, in an output with a digest and with a report: whoever has the
// ledger can tell when either is changed later.
func (s *session) release(ctx context.Context, l *decisions.List, digest string, doc []byte) error {
	if s.reg == nil || !l.Policy.Certified {
		return nil
	}
	s.order.lock()
	defer s.order.unlock()
	tx, err := s.reg.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var ids []ksame.ClusterID
	for _, c := range l.Clusters {
		ids = append(ids, ksame.ClusterID(c.ID))
	}
	if err := tx.Release(registry.Release{K: l.Policy.K, Clusters: ids, Output: digest, Report: fmt.Sprintf("%x", sha256.Sum256(doc)), Distinct: l.Policy.Mode != ""}); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// summary tells what was done.
func (s *session) summary(j job, final string, a *analysis, rep *report.Report, r *pipeline.Renderer, fps float64) error {
	c := rep.Coverage
	s.done = outcome{output: final, rep: rep}
	s.say("%s: %d frames, %d people, %d tracks, %d faces replaced, %d covered, %d kept", final, rep.Output.Frames, rep.People, rep.Tracks, c.Replaced, c.Covered, c.Kept)
	if a.fps > 0 {
		s.say("analysed at %.1f fps, rendered at %.1f fps; patch cache hit rate %.0f %%", a.fps, fps, 100*c.CacheHits)
	} else {
		s.say("rendered at %.1f fps; patch cache hit rate %.0f %%", fps, 100*c.CacheHits)
	}
	if rep.Verdict == report.Certified && len(rep.Clusters) > 0 {
		s.say("k = %d: %s (smallest cluster on screen: %d people of the registry, %d in this material)", rep.K, rep.Verdict, rep.KEff.Population, rep.KEff.Cast)
	} else {
		s.say("k = %d: %s", rep.K, rep.Verdict)
	}
	for _, why := range rep.Reasons {
		s.say("  %s", why)
	}
	s.say("report: %s; to look at: %s", j.report, j.page())
	times := a.times
	for i, d := range r.Times() {
		times[i] += d
	}
	return s.event("summary", map[string]any{
		"input": j.input, "output": final, "report": j.report, "frames": rep.Output.Frames, "people": rep.People, "tracks": rep.Tracks,
		"clusters": len(rep.Clusters), "k": rep.K, "verdict": rep.Verdict, "faces": c.Faces, "replaced": c.Replaced, "covered": c.Covered, "kept": c.Kept,
		"fps_analyse": round1(a.fps), "fps_render": round1(fps), "stage_ms": times.ByName(), "cache_hit_rate": c.CacheHits,
		"copied": s.copied,
	})
}
