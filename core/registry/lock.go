//go:build unix

package registry

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// lockWriter takes the writer's lock, a file beside the registry: SQLite's own locks live inside transactions, while a
// writer here plans in memory between them. The system releases the lock when its process ends, however it ends.
func lockWriter(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, wayOut(fmt.Errorf("registry: lock: %w", err))
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		holder, _ := io.ReadAll(io.LimitReader(f, 32)) // for the message only
		f.Close()
		who := "another process"
		if pid := strings.TrimSpace(string(holder)); pid != "" {
			who = "process " + pid
		}
		return nil, fmt.Errorf("%w: %s holds %s\nhint: wait until it ends, or use another registry (--registry)", ErrBusy, who, path)
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt(fmt.Appendln(nil, os.Getpid()), 0)
	}
	if err != nil {
		f.Close()
		return nil, wayOut(fmt.Errorf("registry: lock %s: %w", path, err))
	}
	return f, nil
}

// frozen says that the file lies on a read-only file system and no write-ahead log waits beside it: SQLite may then read it
// without the helper files that it would have to make.
func frozen(path string) bool {
	const writable = 2 // W_OK of access(2)
	if !errors.Is(syscall.Access(filepath.Dir(path), writable), syscall.EROFS) {
		return false
	}
	info, err := os.Stat(path + "-wal")
	return errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0
}
