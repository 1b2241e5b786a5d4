package av

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"syscall"

	"github.com/asticode/go-astiav"
)

// pipeChunk is how much is read from and written to a pipe at once, at most: a Linux pipe holds 64 KiB, pictures are larger.
const pipeChunk = 256 << 10

// errIO is FFmpeg's "input/output error"; the cause lies in the pipe.
const errIO = astiav.Error(-int(syscall.EIO))

// pipeIn is an input that is read once, from front to back. FFmpeg reads through it; it can be told to end.
type pipeIn struct {
	full chan []byte     // read and not taken yet; closed at the end
	free chan []byte     // two buffers go round
	stop <-chan struct{} // when closed, reads see the end
	quit chan struct{}   // closed by abandon
	once sync.Once
	rest []byte // of the chunk that is being taken
	held []byte // that chunk
	pb   *astiav.IOContext

	stopped bool
	failed  error     // of the reader; nil at its end. Written before full is closed
	sum     hash.Hash // nil: not asked for; of all bytes taken
	total   int64
	tail    []byte // the last bytes taken, nutTail at most
	index   int64  // where the last index of a NUT stream begins; -1: none was seen
}

// newPipeIn begins to read from r. When ctx is done the stream ends there. The goroutine that reads ends with r, or with the first
// read after close; one that waits in the kernel for a writer that never writes ends with the process.
func newPipeIn(ctx context.Context, r io.Reader, sum hash.Hash) (*pipeIn, error) {
	p := &pipeIn{full: make(chan []byte), free: make(chan []byte, 2), stop: ctx.Done(), quit: make(chan struct{}), sum: sum, index: -1}
	p.free <- make([]byte, pipeChunk)
	p.free <- make([]byte, pipeChunk)
	var err error
	if p.pb, err = astiav.AllocIOContext(pipeChunk, false, p.read, nil, nil); err != nil {
		return nil, err
	}
	go p.pump(r)
	return p, nil
}

// pump reads ahead by two chunks.
func (p *pipeIn) pump(r io.Reader) {
	defer close(p.full)
	for {
		var b []byte
		select {
		case b = <-p.free:
		case <-p.quit:
			return
		}
		n, err := r.Read(b[:cap(b)])
		if n == 0 {
			p.free <- b // never blocks: it has room for both
		} else {
			select {
			case p.full <- b[:n]:
			case <-p.quit:
				return
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				p.failed = err
			}
			return
		}
	}
}

// read is FFmpeg's callback.
func (p *pipeIn) read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		if p.held != nil {
			p.free <- p.held
			p.held = nil
		}
		select {
		case <-p.stop: // first: data may be there for ever
			p.stopped = true
			return 0, astiav.ErrEof
		default:
		}
		select {
		case <-p.quit:
			return 0, errIO
		case c, more := <-p.full:
			if !more {
				if p.failed != nil {
					return 0, errIO
				}
				return 0, astiav.ErrEof
			}
			p.held, p.rest = c, c
		case <-p.stop:
			p.stopped = true
			return 0, astiav.ErrEof
		}
	}
	n := copy(b, p.rest)
	p.saw(p.rest[:n])
	p.rest = p.rest[n:]
	return n, nil
}

// nutTail is what has to be kept of the stream's end to find a start code that lies across two reads, and the last fields of an
// index.
const nutTail = 16

// nutIndex begins the index that a NUT stream ends with (NUT specification, "startcodes").
var nutIndex = []byte{'N', 'X', 0xDD, 0x67, 0x2F, 0x23, 0xE6, 0x4E}

// saw notes what passes.
func (p *pipeIn) saw(b []byte) {
	if p.sum != nil {
		p.sum.Write(b)
	}
	if i := bytes.LastIndex(b, nutIndex); i >= 0 {
		p.index = p.total + int64(i)
	} else {
		seam := append(bytes.Clone(p.tail), b[:min(len(b), len(nutIndex)-1)]...)
		if i := bytes.LastIndex(seam, nutIndex); i >= 0 {
			p.index = p.total - int64(len(p.tail)) + int64(i)
		}
	}
	p.total += int64(len(b))
	p.tail = append(p.tail, b[max(0, len(b)-nutTail):]...)
	p.tail = p.tail[max(0, len(p.tail)-nutTail):]
}

// early says why the stream ended before its end; empty when it is whole, or of a kind that does not tell. NUT tells: its last
// packet is an index whose last fields are its own length and a checksum.
func (p *pipeIn) early(format string) string {
	switch {
	case p.stopped:
		return "the run was interrupted"
	case p.failed != nil:
		return "" // told as the failure of reading
	case format != "nut":
		return ""
	case p.index < 0 || len(p.tail) < 12:
		return "the stream stops without the index that NUT ends with"
	}
	if length := binary.BigEndian.Uint64(p.tail[len(p.tail)-12:]); length != uint64(p.total-p.index) {
		return "the index that NUT ends with is not whole"
	}
	return ""
}

// abandon lets nobody wait for the input any more. Any goroutine may call it, more than once.
func (p *pipeIn) abandon() { p.once.Do(func() { close(p.quit) }) }

// close frees FFmpeg's side. The input is closed already.
func (p *pipeIn) close() {
	p.abandon()
	p.pb.Free()
}

// openPipe reads the head of a stream of the named format; empty: FFmpeg tells it by the first bytes. Errors as of Open. The caller
// closes it, which does not close r.
func openPipe(ctx context.Context, r io.Reader, format string, sum hash.Hash) (*Source, error) {
	hush()
	var f *astiav.InputFormat
	if format != "" {
		if f = astiav.FindInputFormat(format); f == nil {
			return nil, faultf(ErrOpen, nil, "this FFmpeg knows no input format %q", format)
		}
	}
	s := &Source{ic: astiav.AllocFormatContext()}
	if s.ic == nil {
		return nil, faultf(ErrOpen, nil, "out of memory")
	}
	var err error
	if s.pipe, err = newPipeIn(ctx, r, sum); err != nil {
		s.Close()
		return nil, faultf(ErrOpen, err, "%v", err)
	}
	s.ic.SetPb(s.pipe.pb)
	// A playlist that comes through a pipe must reach neither files nor the network.
	if why, err := s.openInput("", f, "none"); err != nil {
		p := s.pipe
		s.Close()
		switch {
		case p.stopped:
			return nil, errStoppedEarly
		case p.failed != nil:
			return nil, faultf(ErrOpen, p.failed, "%s cannot be read: %v", pipeName, p.failed)
		case p.total == 0:
			return nil, faultf(ErrOpen, err, "%s is empty (0 bytes)", pipeName)
		}
		return nil, faultf(ErrOpen, err, "%s is no stream that FFmpeg knows: %s", pipeName, why)
	}
	err = s.findStreams(pipeName, 0)
	if err != nil && s.pipe.stopped {
		err = errStoppedEarly
	}
	return s, err
}

var errStoppedEarly = faultf(ErrStopped, nil, "the run was interrupted before the first picture")

// pipeName is what messages call the input.
const pipeName = "standard input"

// pipeOut is an output that is written once, from front to back.
type pipeOut struct {
	w      io.Writer
	sum    hash.Hash // nil: not asked for
	failed error     // of the writer; it stands
	total  int64
	shut   bool // nothing is written any more
}

// write is FFmpeg's callback.
func (p *pipeOut) write(b []byte) (int, error) {
	if p.failed == nil && !p.shut {
		var n int
		n, p.failed = p.w.Write(b)
		p.total += int64(n)
		if p.sum != nil {
			p.sum.Write(b[:n])
		}
	}
	if p.failed != nil || p.shut {
		return 0, errIO
	}
	return len(b), nil
}

// fault is what went wrong in writing; nil when nothing did.
func (p *pipeOut) fault() error {
	switch {
	case p.failed == nil:
		return nil
	case errors.Is(p.failed, syscall.EPIPE) || errors.Is(p.failed, io.ErrClosedPipe):
		return faultf(ErrClosed, p.failed, "the program that reads the output closed it")
	}
	return faultf(ErrOutput, p.failed, "the output cannot be written: %v", p.failed)
}

// newPipeMuxer makes a container that is written to w, without its header. The caller closes it.
func newPipeMuxer(format string, w *pipeOut) (*muxer, error) {
	oc, err := astiav.AllocOutputFormatContext(nil, format, "")
	if err != nil {
		return nil, faultf(ErrOutput, err, "this FFmpeg knows no output format %q", format)
	}
	// Flushed after every packet: what is in a buffer here is late there.
	oc.SetFlags(oc.Flags().Add(astiav.FormatContextFlagBitexact).Add(astiav.FormatContextFlagFlushPackets))
	m := &muxer{oc: oc, strict: !oc.OutputFormat().Flags().Has(astiav.IOFormatFlagTsNonstrict)}
	pb, err := astiav.AllocIOContext(pipeChunk, true, nil, nil, w.write)
	if err != nil {
		m.close()
		return nil, faultf(ErrOutput, err, "%v", err)
	}
	m.pb, m.closePb = pb, func() error {
		pb.Free()
		return w.fault()
	}
	return m, nil
}

func (p *pipeIn) digest() string { return digest(p.sum) }

func digest(h hash.Hash) string {
	if h == nil {
		return ""
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}
