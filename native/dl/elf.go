package dl

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"runtime"
)

// ErrDamaged says that a file is not a whole shared library for this machine.
var ErrDamaged = errors.New("not a usable shared library")

var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// CheckELF refuses what would make the dynamic linker fail late or the process die: dlopen maps a library's segments
// without looking at the file's length, and touching a page beyond its end is SIGBUS, which nothing can catch.
// It reads headers only. The error wraps ErrDamaged, or is the file system's.
func CheckELF(path string) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	damaged := func(format string, a ...any) error {
		return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, a...))
	}
	if !st.Mode().IsRegular() {
		return damaged("not a regular file (%s)", st.Mode().Type())
	}
	f, err := elf.Open(path)
	if err != nil {
		if errors.Is(err, os.ErrPermission) {
			return err
		}
		return damaged("%d bytes, no readable ELF header: %v", st.Size(), err)
	}
	defer f.Close()
	if f.Type != elf.ET_DYN {
		return damaged("ELF type %s, want ET_DYN", f.Type)
	}
	if want, known := machines[runtime.GOARCH]; known && f.Machine != want || f.Class != elf.ELFCLASS64 {
		return damaged("built for %s %s, this process is %s", f.Machine, f.Class, runtime.GOARCH)
	}
	size := uint64(st.Size())
	loads := 0
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD {
			loads++
		}
		if end := p.Off + p.Filesz; end > size || end < p.Off {
			return damaged("truncated: segment %s ends at byte %d of %d", p.Type, end, size)
		}
	}
	if loads == 0 {
		return damaged("no loadable segment")
	}
	// Section headers lie at the end of a linker's output: their loss shows a file cut after its last segment.
	for _, s := range f.Sections {
		if s.Type == elf.SHT_NOBITS || s.Type == elf.SHT_NULL {
			continue
		}
		if end := s.Offset + s.FileSize; end > size || end < s.Offset {
			return damaged("truncated: section %s ends at byte %d of %d", s.Name, end, size)
		}
	}
	return nil
}
