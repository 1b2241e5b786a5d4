package ffcli

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// Exit codes (docs/cli.md).
const (
	exitDone       = 0 // as asked
	exitFailed     = 1 // nothing under the final name
	exitUsage      = 2
	exitIncomplete = 3 // done, but coverage is incomplete or the certificate could not be given
	exitTooFew     = 4 // refused before rendering: fewer than k people
)

// exitError is an error with the exit code it leads to and ways out for the user.
type exitError struct {
	code  int
	err   error
	hints []string
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func usage(format string, a ...any) error {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, a...), hints: []string{"ksamenet help shows the commands, ksamenet COMMAND --help their flags"}}
}

func withHint(err error, hints ...string) error {
	return &exitError{code: exitFailed, err: err, hints: hints}
}

// reportError prints err the way a person reads it and returns the exit code. One line names the fault; more faults and the
// ways out follow, each on its own line.
func reportError(w io.Writer, err error) int {
	code := exitFailed
	var e *exitError
	if errors.As(err, &e) {
		code = e.code
	}
	for i, line := range strings.Split(strings.TrimRight(err.Error(), "\n"), "\n") {
		switch {
		case i == 0:
			fmt.Fprintln(w, "error:", line)
		case strings.HasPrefix(line, "hint:"):
			fmt.Fprintln(w, line)
		default:
			fmt.Fprintln(w, "      ", line)
		}
	}
	if e != nil && !strings.Contains(err.Error(), "\nhint:") { // the package that failed knows best
		for _, h := range e.hints {
			fmt.Fprintln(w, "hint:", h)
		}
	}
	return code
}
