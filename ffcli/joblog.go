package ffcli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// lockedWriter lets several files' runs write to one place, line by line.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// prefixWriter puts a mark before every line. What is written to it ends its lines.
type prefixWriter struct {
	mark string
	to   io.Writer
}

func (p prefixWriter) Write(b []byte) (int, error) {
	var out bytes.Buffer
	for line := range bytes.Lines(b) {
		out.WriteString(p.mark)
		out.Write(line)
	}
	if _, err := p.to.Write(out.Bytes()); err != nil {
		return 0, err
	}
	return len(b), nil
}

// fileLog is what a run said of one file, with the time of every line. Runs are added to it.
type fileLog struct{ f *os.File }

func openLog(path string) (*fileLog, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, withHint(err, "name another folder: --log-dir DIR")
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, withHint(err, "name another folder: --log-dir DIR")
	}
	return &fileLog{f}, nil
}

// Write adds lines. That a log cannot be written ends no run: the caller of the run sees the same lines.
func (l *fileLog) Write(b []byte) (int, error) {
	now := time.Now().Format("2006-01-02 15:04:05 ")
	_, _ = prefixWriter{now, l.f}.Write(b)
	return len(b), nil
}

func (l *fileLog) printf(format string, a ...any) {
	if l != nil {
		fmt.Fprintf(l, format+"\n", a...)
	}
}

func (l *fileLog) close() {
	if l != nil {
		l.f.Close()
	}
}
