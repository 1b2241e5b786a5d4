package ffcli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/core/report"
)

// outcome is what became of a file.
type outcome struct {
	output string
	rep    *report.Report // nil when nothing was written
}

// finished says, with --resume, that an earlier run did a file: a report lies beside it that speaks of this input, of what
// was asked for now, and of the output that lies there, by its hash. The error is the one that the earlier run ended with.
func (s *session) finished(ctx context.Context, j job) (bool, error) {
	if !s.c.Bool("resume") {
		return false, nil
	}
	b, err := os.ReadFile(j.report)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	rep := &report.Report{}
	if err == nil {
		err = json.Unmarshal(b, rep)
	}
	if err != nil {
		s.warn("%s proves nothing: %v", j.report, err)
		return false, nil
	}
	if why := s.otherwise(rep); why != "" {
		s.say("%s is of another run: %s", j.report, why)
		return false, nil
	}
	if sum, err := fileSHA256(ctx, j.input); err != nil {
		return false, err
	} else if sum != rep.Input.SHA256 {
		s.say("%s is of another input", j.report)
		return false, nil
	}
	for _, mark := range []string{"", markUnverified, markPartial} {
		final, ended := outcomeOf(j, mark, rep)
		sum, err := fileSHA256(ctx, final)
		if ctx.Err() != nil {
			return false, err
		}
		switch {
		case err != nil || sum != rep.Output.SHA256: // not there, or not what the report speaks of
		case mark == "" && rep.Verdict != report.Certified && s.cfg.K > 1 && !s.cfg.Uncertified:
			s.say("%s is not certified, and that is not asked for now", final)
			return false, nil
		case mark == markPartial && s.c.Bool("allow-truncated"):
			return false, nil
		default:
			s.done = outcome{output: final, rep: rep}
			s.say("%s is done already: its report is of this input and of this output", final)
			return true, ended
		}
	}
	return false, nil
}

// otherwise says how a report is of a run with other settings, as far as a report tells them.
func (s *session) otherwise(rep *report.Report) string {
	assignment := ""
	if s.cfg.Mode == pipeline.ModeDistinct {
		assignment = pipeline.ModeDistinct
	}
	switch {
	case rep.Tool != s.cfg.Tool:
		return "by " + rep.Tool
	case rep.K != s.cfg.K:
		return fmt.Sprintf("k was %d", rep.K)
	case rep.Donors != s.cfg.Donors:
		return fmt.Sprintf("donors were %d", rep.Donors)
	case rep.Look != report.Look(decisions.Policy{Look: s.cfg.Look(), Neutral: s.cfg.Expression == pipeline.ExpressionNeutral}):
		return "surrogates were of " + rep.Look
	case rep.Assignment != assignment:
		return "another mode"
	}
	if why := otherView(s.c, rep.Input.Cut, rep.Input.Filter); why != "" {
		return why
	}
	had := map[report.Model]bool{}
	for _, m := range rep.Models {
		had[m] = true
	}
	for _, m := range s.stages.Models() {
		if !had[m] {
			return "another network " + m.Name
		}
	}
	return ""
}

// Marks of outputs that did not earn the name that was asked for.
const (
	markUnverified = "unverified"
	markPartial    = "partial"
)

// verdict is the name that the output earns, and the error that goes with a lesser one.
func (s *session) verdict(j job, a *analysis, rep *report.Report) (final string, ended error) {
	mark := ""
	switch {
	case rep.Coverage.Uncovered > 0 || rep.Watch != nil && rep.Watch.Exposed > 0 || rep.Output.Frames != rep.Input.Frames || rep.Verdict != report.Certified && a.list.Policy.Certified:
		mark = markUnverified
	case a.list.Source.Truncated && !s.c.Bool("allow-truncated"):
		mark = markPartial
	}
	return outcomeOf(j, mark, rep)
}

// outcomeOf is the name that a mark leads to, and the error that goes with it.
func outcomeOf(j job, mark string, rep *report.Report) (final string, ended error) {
	if mark == "" {
		return j.output, nil
	}
	final = suffixed(j.output, mark)
	if mark == markPartial {
		return final, withHint(fmt.Errorf("the input ended early; what could be decoded is in %s", final), "--allow-truncated gives it the final name")
	}
	return final, &exitError{code: exitIncomplete, err: fmt.Errorf("done, but not as asked: %s", strings.Join(rep.Reasons, "; ")), hints: []string{"the output is " + final}}
}
