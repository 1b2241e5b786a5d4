package decisions

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strings"

	"github.com/ksamenet/ksamenet/core/appearance"
)

// Write writes the list as JSON with one face, key, shot, cluster, person and zone a line, so that edits make small diffs.
// Equal lists give equal bytes.
func (l *List) Write(w io.Writer) error {
	b := bufio.NewWriter(w)
	e := &lineWriter{w: b}
	e.raw("{\n")
	e.field(" ", "format", l.Format, true)
	e.field(" ", "version", l.Version, true)
	e.field(" ", "tool", l.Tool, true)
	e.field(" ", "source", l.Source, true)
	e.field(" ", "policy", l.Policy, true)
	lines(e, " ", "shots", l.Shots)
	e.raw(",\n")
	lines(e, " ", "clusters", l.Clusters)
	e.raw(",\n")
	lines(e, " ", "persons", l.Persons)
	e.raw(",\n \"tracks\": [")
	for i, t := range l.Tracks {
		if i > 0 {
			e.raw(",")
		}
		e.raw("\n  {\"id\": ")
		e.value(t.ID)
		if t.Person != 0 {
			e.raw(", \"person\": ")
			e.value(t.Person)
		}
		if t.Action != "" {
			e.raw(", \"action\": ")
			e.value(t.Action)
		}
		if t.Why != "" {
			e.raw(", \"why\": ")
			e.value(t.Why)
		}
		if len(t.Spans) > 0 {
			e.raw(", \"spans\": ")
			e.value(t.Spans)
		}
		e.raw(", \"tone\": ")
		e.value(t.Tone)
		if t.Light != (appearance.Light{}) {
			e.raw(", \"light\": ")
			e.value(t.Light)
		}
		e.raw(",\n")
		if len(t.Keys) > 0 {
			lines(e, "   ", "keys", t.Keys)
		} else {
			lines(e, "   ", "faces", t.Faces)
		}
		e.raw("}")
	}
	e.raw("\n ]")
	if len(l.Zones) > 0 {
		e.raw(",\n")
		lines(e, " ", "zones", l.Zones)
	}
	e.raw("\n}\n")
	if e.err != nil {
		return fmt.Errorf("decisions: %w", e.err)
	}
	return b.Flush()
}

// Read reads and validates a list. Unknown keys are refused: a mistyped one must not silently leave a face clear. Its errors
// are ErrInvalid and name the line.
func Read(r io.Reader) (*List, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("decisions: %w", err)
	}
	var l List
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return nil, &Fault{Line: lineOf(b, offset(b, d, err)), Reason: jsonReason(err)}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, &Fault{Line: lineOf(b, d.InputOffset()), Reason: "something follows the list"}
	}
	l.upgrade()
	var errs []error
	for _, f := range l.faults() {
		f.Line = lineOf(b, locate(b, f.path))
		errs = append(errs, f)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return &l, nil
}

// upgrade makes a list of an older version one of Version, which made the grid of mouthOpen twice as fine.
func (l *List) upgrade() {
	if l.Format != Format || l.Version != 1 {
		return
	}
	l.Version = Version
	for _, t := range l.Tracks {
		for _, f := range t.Faces {
			if f.Look != nil {
				e := &f.Look.Expression[appearance.MouthOpen]
				*e = uint8(min(2*int(*e), math.MaxUint8)) // off the grid stays off the grid
			}
		}
	}
}

// offset is where in the document b a decoder failed.
func offset(b []byte, d *json.Decoder, err error) int64 {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return syntax.Offset
	case errors.As(err, &kind):
		return kind.Offset
	}
	if key, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok { // that error knows no place
		if at := regexp.MustCompile(regexp.QuoteMeta(key) + `\s*:`).FindIndex(b); at != nil {
			return int64(at[0])
		}
	}
	return d.InputOffset()
}

func jsonReason(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the document ends early"
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

func lineOf(b []byte, at int64) int {
	return 1 + bytes.Count(b[:min(max(at, 0), int64(len(b)))], []byte{'\n'})
}

// locate finds the value that path leads to in a document that is known to be sound, or the nearest one around it.
func locate(b []byte, path []any) int64 {
	d := json.NewDecoder(bytes.NewReader(b))
	at := int64(0)
	for _, step := range path {
		open, err := d.Token()
		if err != nil {
			return at
		}
		for i := 0; d.More(); i++ {
			var key any = i
			if open == json.Delim('{') {
				if key, err = d.Token(); err != nil {
					return at
				}
			}
			if key == step {
				at = start(b, d.InputOffset())
				break
			}
			var skip json.RawMessage
			if err := d.Decode(&skip); err != nil {
				return at
			}
		}
	}
	return at
}

// start is the first byte of the next value.
func start(b []byte, at int64) int64 {
	for at < int64(len(b)) && bytes.IndexByte([]byte(" \t\r\n,:"), b[at]) >= 0 {
		at++
	}
	return at
}

type lineWriter struct {
	w   io.Writer
	err error
}

func (e *lineWriter) raw(s string) {
	if e.err == nil {
		_, e.err = io.WriteString(e.w, s)
	}
}

func (e *lineWriter) value(v any) {
	b, err := json.Marshal(v)
	if err != nil && e.err == nil {
		e.err = err
	}
	e.raw(string(b))
}

func (e *lineWriter) field(indent, key string, v any, comma bool) {
	e.raw(indent + "\"" + key + "\": ")
	e.value(v)
	if comma {
		e.raw(",\n")
	}
}

func lines[T any](e *lineWriter, indent, key string, list []T) {
	e.raw(indent + "\"" + key + "\": [")
	for i, v := range list {
		if i > 0 {
			e.raw(",")
		}
		e.raw("\n" + indent + " ")
		e.value(v)
	}
	if len(list) > 0 {
		e.raw("\n" + indent)
	}
	e.raw("]")
}
