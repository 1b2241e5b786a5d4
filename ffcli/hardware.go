package ffcli

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/ksamenet/ksamenet/ffcli/internal/av"
)

// listHardware tells which devices --hwaccel may name here.
func listHardware(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, k := range av.HardwareKinds() {
		if k.Err == nil {
			fmt.Fprintf(t, "%s\ta device can be opened\n", k.Name)
		} else {
			fmt.Fprintf(t, "%s\tno device: %v\n", k.Name, k.Err)
		}
	}
	return t.Flush()
}
