package ffcli

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// checkSpace refuses an output whose disk has less room than the input takes: the output is of that order.
func checkSpace(in, out string) error {
	fi, err := os.Stat(in)
	if err != nil {
		return err
	}
	return roomOn(filepath.Dir(out), fi.Size())
}

// roomOn refuses a folder whose disk has less than need bytes of room.
func roomOn(dir string, need int64) error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return nil // a file system that does not tell; writing will
	}
	return roomFor(need, int64(st.Bavail)*st.Bsize, dir)
}

func roomFor(need, free int64, dir string) error {
	if free >= need {
		return nil
	}
	return withHint(fmt.Errorf("%s has %d kB free, the input alone takes %d kB", dir, free/1000, need/1000),
		"make room, or name an output elsewhere", "--no-space-check starts all the same, as for a smaller --preset review")
}
