package ort

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// pinnedName is the file that `make deps` installs: the plain C library out of the PyPI wheel onnxruntime 1.32.0.
const pinnedName = "libonnxruntime.so.1.32.0"

// pinned is that file's size and sha256 by GOARCH.
var pinned = map[string]struct {
	bytes  int64
	sha256 string
}{
	"amd64": {34824680, "6c1585d1bbf45b0712ea4a21b705c5fcb4ba04ff2e30f1fbf81a49faf658638f"},
	"arm64": {27165936, "49852228a93995158b2a813d4df487d47a1b76b0eaa894507ef49e91b6d7954a"},
}

// checkPinned hashes a file that claims to be the pinned library, by name or by exact length: a flipped byte in native
// code is a crash that nothing can catch. Other builds of ONNX Runtime, under other names, are the user's to vouch for.
func checkPinned(path string) error {
	want, known := pinned[runtime.GOARCH]
	if !known {
		return nil
	}
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	if filepath.Base(path) != pinnedName && st.Size() != want.bytes {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want.sha256 {
		return fmt.Errorf("damaged or not the pinned build: sha256 is %s, want %s; remove the file and fetch it again", got, want.sha256)
	}
	return nil
}
