package ffcli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/ksamenet/ksamenet/core/pipeline"
)

// fileDone is one line of a batch's summary.
type fileDone struct {
	job
	outcome
	err  error
	took time.Duration
	run  bool // somebody worked on it
}

// redactOne is a command line with a single file.
func (s *session) redactOne(ctx context.Context, j job) (err error) {
	if j.log != "" {
		if s.log, err = openLog(j.log); err != nil {
			return err
		}
		defer s.log.close()
		s.log.printf("%s: %s", s.cfg.Tool, j.input)
		defer func() { s.logEnd(err) }()
	}
	return s.redact(ctx, j, true)
}

// redactAll is a command line with several files: --jobs of them at once over one registry. A file that fails does not stop
// the others; ctx does. The error carries the exit code of the worst.
func (s *session) redactAll(ctx context.Context, p plan) error {
	if n := len(p.other); n > 0 {
		s.say("%d other files in the folders are no videos by their names, and are left alone: %s …", n, p.other[0])
	}
	workers := min(s.c.Int("jobs"), len(p.jobs))
	cfg := s.cfg
	if workers > 1 && cfg.Threads == 0 {
		cfg.Threads = max(1, min(4, runtime.NumCPU()/workers))
	}
	eyes := []*pipeline.Stages{s.stages}
	for range workers - 1 {
		st, err := pipeline.OpenStages(ctx, cfg)
		if err != nil {
			return errors.Join(err, closeAll(eyes[1:]))
		}
		eyes = append(eyes, st)
	}
	done := make([]fileDone, len(p.jobs))
	queue := make(chan int, len(p.jobs))
	for i, j := range p.jobs {
		done[i].job = j
		queue <- i
	}
	close(queue)
	err, out := &lockedWriter{w: s.err}, &lockedWriter{w: s.out}
	order := newOrder(len(p.jobs))
	var wg sync.WaitGroup
	for _, st := range eyes {
		wg.Go(func() {
			for i := range queue {
				f := *s // settings and registry are shared, the rest is the file's own
				f.cfg, f.stages, f.order, f.file, f.err, f.out = cfg, st, order, i+1, err, out
				if workers > 1 {
					f.err = prefixWriter{fmt.Sprintf("[%d/%d] ", i+1, len(done)), err}
					if f.show == progressBar {
						f.show = progressLines // several bars would overwrite each other
					}
				}
				f.work(ctx, &done[i], len(queue) == 0)
				order.pass(i + 1)
			}
		})
	}
	wg.Wait()
	return errors.Join(s.tellAll(ctx, done), closeAll(eyes[1:]))
}

func closeAll(eyes []*pipeline.Stages) error {
	var errs []error
	for _, st := range eyes {
		errs = append(errs, st.Close())
	}
	return errors.Join(errs...)
}

// work redacts one file of several.
func (s *session) work(ctx context.Context, d *fileDone, last bool) {
	if ctx.Err() != nil {
		return
	}
	start := time.Now()
	d.run = true
	defer func() {
		if v := recover(); v != nil {
			d.err = fmt.Errorf("internal error: %v\n%s", v, debug.Stack())
		}
		d.outcome, d.took = s.done, time.Since(start)
		if d.err != nil && ctx.Err() == nil {
			reportError(s.err, fmt.Errorf("%s: %w", d.input, d.err))
		}
		s.logEnd(d.err)
		s.log.close()
		if err := s.event("file", d.fields()); err != nil {
			d.err = errors.Join(d.err, err)
		}
	}()
	if s.log, d.err = openLog(d.log); d.err != nil {
		return
	}
	s.cfg.Log = logTo(s.c, io.MultiWriter(s.err, s.log))
	s.log.printf("%s: %s", s.cfg.Tool, d.input)
	s.say("%s", d.input)
	d.err = s.redact(ctx, d.job, last)
}

// logEnd tells a file's log how it ended.
func (s *session) logEnd(err error) {
	if s.log == nil {
		return
	}
	if err == nil {
		s.log.printf("exit code %d", exitDone)
		return
	}
	s.log.printf("exit code %d", reportError(s.log, err))
}

func (d *fileDone) fields() map[string]any {
	f := map[string]any{"input": d.input, "output": d.job.output, "log": d.log, "exit_code": codeOf(d.err), "seconds": round1(d.took.Seconds())}
	if d.err != nil {
		f["error"] = d.err.Error()
	}
	if r := d.rep; r != nil {
		f["output"], f["frames"], f["people"], f["verdict"] = d.outcome.output, r.Output.Frames, r.People, r.Verdict
		f["replaced"], f["covered"], f["kept"] = r.Coverage.Replaced, r.Coverage.Covered, r.Coverage.Kept
	}
	return f
}

// tellAll prints the summary and gives the error of the worst.
func (s *session) tellAll(ctx context.Context, done []fileDone) error {
	var worst error
	counts := map[int]int{}
	w := tabwriter.NewWriter(s.err, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FILE\tFRAMES\tPEOPLE\tREPLACED\tCOVERED\tVERDICT\tTIME\tEXIT")
	for i := range done {
		d := &done[i]
		switch {
		case !d.run:
			fmt.Fprintf(w, "%s\t-\t-\t-\t-\tnot begun\t-\t-\n", d.input)
			continue
		case d.rep == nil && ctx.Err() != nil:
			fmt.Fprintf(w, "%s\t-\t-\t-\t-\tinterrupted\t%v\t-\n", d.input, d.took.Round(time.Second))
			continue
		case d.rep == nil:
			fmt.Fprintf(w, "%s\t-\t-\t-\t-\tfailed\t%v\t%d\n", d.input, d.took.Round(time.Second), codeOf(d.err))
		default:
			r := d.rep
			fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%s\t%v\t%d\n", d.input, r.Output.Frames, r.People, r.Coverage.Replaced, r.Coverage.Covered, r.Verdict, d.took.Round(time.Second), codeOf(d.err))
		}
		worst = graver(worst, d.err)
		counts[codeOf(d.err)]++
	}
	if s.show == progressLines || s.show == progressBar {
		if err := w.Flush(); err != nil {
			s.warn("the summary could not be written: %v", err) // the work is done all the same
		}
	}
	if err := s.event("batch", map[string]any{"files": len(done), "done": counts[exitDone], "exit_code": codeOf(worst)}); err != nil {
		worst = graver(worst, err)
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if worst == nil {
		return nil
	}
	return &exitError{code: codeOf(worst), err: fmt.Errorf("%d of %d files were not done as asked; see above", len(done)-counts[exitDone], len(done)), hints: []string{
		"--resume goes on with them and skips what is done"}}
}

// logTo is the log of the settings, written to w.
func logTo(c interface{ String(string) string }, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.String("log-level"))) // config has refused what is none
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}
