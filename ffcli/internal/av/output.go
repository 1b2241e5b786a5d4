package av

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// CheckOutput refuses an output name before any work is done: ErrSameFile, ErrExists without overwrite, ErrOutput when
// its directory is missing or it is a directory itself.
func CheckOutput(in, out string, overwrite bool) error {
	dir := filepath.Dir(out)
	if fi, err := os.Stat(dir); err != nil {
		return faultf(ErrOutput, err, "%s: output directory %s does not exist", filepath.Base(out), dir)
	} else if !fi.IsDir() {
		return faultf(ErrOutput, nil, "%s: %s is not a directory", filepath.Base(out), dir)
	}
	fi, err := os.Stat(out)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return faultf(ErrOutput, err, "%v", err)
	}
	if fi.IsDir() {
		return faultf(ErrOutput, nil, "%s is a directory", out)
	}
	if src, err := os.Stat(in); err == nil && os.SameFile(src, fi) {
		return faultf(ErrSameFile, nil, "%s: input and output are the same file", out)
	}
	if !overwrite {
		return faultf(ErrExists, nil, "%s exists already", out)
	}
	if !fi.Mode().IsRegular() {
		return faultf(ErrOutput, nil, "%s is not a regular file", out)
	}
	return nil
}

// Output is a finished file that has not got its final name yet. Its owner calls Commit or Abort, once the content is
// verified or refused.
type Output struct {
	path      string
	overwrite bool
	done      bool
}

// newOutput creates the part file beside out: a rename within a directory is atomic.
func newOutput(out string, overwrite bool) (*Output, error) {
	path := filepath.Join(filepath.Dir(out), fmt.Sprintf(".%s.ksamenet-%d.part", filepath.Base(out), os.Getpid()))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, faultf(ErrOutput, err, "%s cannot be written: %v", out, errors.Unwrap(err))
	}
	if err := f.Close(); err != nil {
		return nil, faultf(ErrOutput, err, "%s cannot be written: %v", out, err)
	}
	return &Output{path: path, overwrite: overwrite}, nil
}

// Sweep removes the working files that killed runs left for the output out. Those of processes that live on this machine
// stay.
func Sweep(out string) error {
	prefix := "." + filepath.Base(out) + ".ksamenet-"
	list, err := os.ReadDir(filepath.Dir(out))
	if err != nil {
		return faultf(ErrOutput, err, "%v", err)
	}
	for _, e := range list {
		id, part := strings.CutSuffix(strings.TrimPrefix(e.Name(), prefix), ".part")
		if !part || !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		pid, err := strconv.Atoi(id)
		if err != nil || syscall.Kill(pid, 0) == nil {
			continue
		}
		if err := os.Remove(filepath.Join(filepath.Dir(out), e.Name())); err != nil {
			return faultf(ErrOutput, err, "%v", err)
		}
	}
	return nil
}

// Path is where the content lies until Commit.
func (o *Output) Path() string { return o.path }

// Commit gives the content its final name, which must lie in the same file system. Without Overwrite it returns ErrExists
// when something took the name meanwhile; the content then stays for another Commit, or Abort.
func (o *Output) Commit(final string) error {
	if o.done {
		return faultf(ErrOutput, nil, "%s: output is gone already", final)
	}
	if o.overwrite {
		if err := os.Rename(o.path, final); err != nil {
			return faultf(ErrOutput, err, "%s cannot be written: %v", final, err)
		}
	} else if err := rename(o.path, final); err != nil {
		return err
	}
	o.done = true
	return syncDir(filepath.Dir(final))
}

// rename moves a file to a name that must be free. A hard link fails on a taken name where a rename would overwrite it;
// file systems without links get a look before the rename.
func rename(from, to string) error {
	err := os.Link(from, to)
	switch {
	case err == nil:
		if err := os.Remove(from); err != nil {
			return faultf(ErrOutput, err, "%s: %v", to, err)
		}
		return nil
	case errors.Is(err, fs.ErrExist):
		return faultf(ErrExists, err, "%s exists already", to)
	}
	if _, err := os.Lstat(to); err == nil {
		return faultf(ErrExists, nil, "%s exists already", to)
	}
	if err := os.Rename(from, to); err != nil {
		return faultf(ErrOutput, err, "%s cannot be written: %v", to, err)
	}
	return nil
}

// Abort removes the content. After Commit it does nothing; it may be called twice.
func (o *Output) Abort() error {
	if o.done {
		return nil
	}
	o.done = true
	if err := os.Remove(o.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return faultf(ErrOutput, err, "%v", err)
	}
	return nil
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return faultf(ErrOutput, err, "%v", err)
	}
	defer f.Close()
	// Some network file systems cannot sync a directory; the name is there all the same.
	_ = f.Sync()
	return nil
}
