package av

import (
	"errors"
	"fmt"
	"strings"

	"github.com/asticode/go-astiav"
	"github.com/ksamenet/ksamenet/ffcli/internal/avplane"
)

// What callers branch on.
var (
	ErrOpen     = errors.New("cannot be opened")       // the input: missing, empty, a directory, not a media file
	ErrNoVideo  = errors.New("no video stream")        // the input has sound or covers only
	ErrDecode   = errors.New("cannot be decoded")      // no decoder, or no picture came out
	ErrChanged  = errors.New("picture format changes") // size or pixel format changes within the stream
	ErrOutput   = errors.New("cannot be written")      // the output: its directory, its container, its muxer
	ErrExists   = errors.New("exists already")         // the output is there and Overwrite is not set
	ErrSameFile = errors.New("input and output are the same file")
	ErrEncoder  = errors.New("cannot be encoded") // the encoder: unknown, its options, its pixel formats
	ErrUnsaid   = errors.New("would be lost")     // the output's container and codec cannot say what the input says of its film
	ErrClosed   = errors.New("output closed")     // the program that reads a pipe went away
	ErrStopped  = errors.New("interrupted")       // a stream was ended before its end, in order
)

// fault is a sentinel with a text of its own.
type fault struct {
	kind error
	text string
	err  error // may be nil
}

func (f *fault) Error() string { return f.text }

func (f *fault) Unwrap() []error {
	if f.err == nil {
		return []error{f.kind}
	}
	return []error{f.kind, f.err}
}

func faultf(kind, cause error, format string, args ...any) error {
	return &fault{kind, fmt.Sprintf(format, args...), cause}
}

// StreamError says that a stream cannot be carried over to the output. It is an ErrOutput.
type StreamError struct {
	Stream Stream
	Reason string
}

func (e *StreamError) Error() string {
	return fmt.Sprintf("stream %s: %s", e.Stream, e.Reason)
}

// Unwrap makes errors.Is(err, ErrOutput) true.
func (e *StreamError) Unwrap() error { return ErrOutput }

// PanicError is a panic of the caller's function, caught.
type PanicError struct {
	Index int64 // of the picture
	Value any
	Stack []byte
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("picture %d: panic: %v", e.Index, e.Value)
}

// reason is one line on why FFmpeg refused: the last thing it logged, or else its error code in words.
func reason(err error) string {
	words := err.Error()
	var code astiav.Error
	if errors.As(err, &code) && errors.Is(err, astiav.ErrExperimental) {
		words = "experimental in this version of FFmpeg"
	}
	line := strings.TrimSpace(avplane.TakeLog())
	// "[libx264 @ 0x55d0c8] text": the address means nothing to the reader
	if tag, rest, ok := strings.Cut(line, " @ 0x"); ok {
		if _, text, ok := strings.Cut(rest, "] "); ok {
			line = strings.TrimPrefix(tag, "[") + ": " + text
		}
	}
	if i := strings.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	if line == "" {
		return words
	}
	return words + " (" + line + ")"
}
