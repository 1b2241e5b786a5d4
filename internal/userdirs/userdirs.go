// Package userdirs says where a user's files lie.
package userdirs

import (
	"os"
	"path/filepath"
)

// Data is $XDG_DATA_HOME, by default ~/.local/share, or "" where neither is known.
// Source: XDG Base Directory Specification 0.8: a relative value is invalid and ignored.
func Data() string {
	if d := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(d) {
		return d
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".local", "share")
}
