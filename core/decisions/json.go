package decisions

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"github.com/ksamenet/ksamenet/core/appearance"
)

// Write writes the list as JSON with one face, shot, cluster and person a line, so that edits make small diffs.
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
		e.raw(", \"person\": ")
		e.value(t.Person)
		if t.Action != "" {
			e.raw(", \"action\": ")
			e.value(t.Action)
		}
		if t.Why != "" {
			e.raw(", \"why\": ")
			e.value(t.Why)
		}
		e.raw(", \"tone\": ")
		e.value(t.Tone)
		if t.Light != (appearance.Light{}) {
			e.raw(", \"light\": ")
			e.value(t.Light)
		}
		e.raw(",\n")
		lines(e, "   ", "faces", t.Faces)
		e.raw("}")
	}
	e.raw("\n ]\n}\n")
	if e.err != nil {
		return fmt.Errorf("decisions: %w", e.err)
	}
	return b.Flush()
}

// Read reads and validates a list. Unknown fields are refused: a mistyped key must not silently leave a face clear.
func Read(r io.Reader) (*List, error) {
	var l List
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if err := l.Validate(); err != nil {
		return nil, err
	}
	return &l, nil
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
