package registry

import (
	"errors"
	"fmt"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// wayOut adds to an error of a disk that is full or read-only what to do about it. Whoever meets one has changed nothing: files are built
// aside, and a commit is all or nothing.
func wayOut(err error) error {
	code := 0
	var e *sqlite.Error
	if errors.As(err, &e) {
		code = e.Code() & 0xff // the primary one
	}
	switch {
	case errors.Is(err, syscall.ENOSPC), code == sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w\nhint: the registry is as it was; make room on its disk and run the command again", err)
	case errors.Is(err, syscall.EROFS), code == sqlite3.SQLITE_READONLY:
		return fmt.Errorf("%w\nhint: the registry is as it was; list, check and export read it where it lies, anything else needs it on a disk that can be written", err)
	}
	return err
}
