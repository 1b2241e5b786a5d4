package av

import (
	"runtime/debug"

	"github.com/ksamenet/ksamenet/ffcli/internal/avplane"
)

// FrugalMemory makes freed frames and networks go back to the system at once. It is for the whole process.
func FrugalMemory() { avplane.FrugalMemory() }

// ReturnMemory gives what was freed back to the system, C's and Go's: between two passes.
func ReturnMemory() {
	debug.FreeOSMemory()
	avplane.TrimMemory()
}
