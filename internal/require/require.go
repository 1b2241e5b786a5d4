// Package require skips a test whose outside piece is missing, unless KSAMENET_REQUIRE names the piece: then it fails.
// CI names every piece that `make deps` brings, so that no skip can hide a missing one.
package require

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// Missing ends the test: piece ("ort", "models", "gst", "av", "mount") is missing for the given reason.
func Missing(t testing.TB, piece, reason string) {
	t.Helper()
	if slices.Contains(strings.Split(os.Getenv("KSAMENET_REQUIRE"), ","), piece) {
		t.Fatalf("%s is required (KSAMENET_REQUIRE) but missing: %s", piece, reason)
	}
	t.Skipf("%s is missing: %s", piece, reason)
}
