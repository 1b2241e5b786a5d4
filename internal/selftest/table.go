package selftest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ksamenet/ksamenet/core/infer"
)

// Network is a model to be tested.
type Network struct {
	Manifest infer.Manifest
	Model    []byte
}

// Table runs every network on the reference engine and on the others, and writes a line for each: how long it took to open
// (plans are built then), to run once, to run eight faces, and how far it is from the reference. An engine that this machine
// does not have is a line at the end, with the reason; an engine that computes something else is an error.
func Table(ctx context.Context, w io.Writer, nets []Network, reference string, others []string, o infer.Options, runs int) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "NETWORK\tENGINE\tVERSION\tDEVICE\tOPEN\tRUN\tFACE OF 8\tDIFFERENCE\tVERDICT")
	var errs []error
	absent := map[string]string{}
	for _, n := range nets {
		name := n.Manifest.Name
		o.Backend = reference
		ref, err := Measure(ctx, n.Manifest, n.Model, o, runs)
		if err != nil {
			return errors.Join(append(errs, fmt.Errorf("%s on %s: %w", name, reference, err), tw.Flush())...)
		}
		verdict := "reference"
		want, err := Golden(n.Manifest)
		if err != nil {
			return err
		}
		difference := 0.0
		if want != nil {
			if difference = GoldenDifference(want, ref.Outputs); difference > limitFloat32 {
				verdict = "DIFFERS from its golden values"
				errs = append(errs, fmt.Errorf("%s on %s differs from its golden values by %.2g", name, reference, difference))
			}
		}
		line(tw, name, reference, ref, difference, verdict)
		for _, backend := range others {
			if absent[backend] != "" {
				continue
			}
			o.Backend = backend
			r, err := Measure(ctx, n.Manifest, n.Model, o, runs)
			switch {
			case ctx.Err() != nil:
				return errors.Join(append(errs, ctx.Err(), tw.Flush())...)
			case errors.Is(err, infer.ErrLibrary) || errors.Is(err, infer.ErrDevice) && r.Outputs == nil:
				absent[backend] = err.Error()
				continue
			case err != nil:
				fmt.Fprintf(tw, "%s\t%s\t\t\t\t\t\t\tFAILED\n", name, backend)
				errs = append(errs, fmt.Errorf("%s on %s: %w", name, backend, err))
				continue
			}
			d, verdict := Difference(ref.Outputs, r.Outputs), "agrees"
			if !(d <= Limit(name, backend)) {
				verdict = "DIFFERS"
				errs = append(errs, fmt.Errorf("%s on %s differs from %s by %.2g, limit %g", name, backend, reference, d, Limit(name, backend)))
			}
			line(tw, name, backend, r, d, verdict)
		}
	}
	errs = append(errs, tw.Flush())
	for _, backend := range others {
		if absent[backend] != "" {
			_, err := fmt.Fprintf(w, "absent: %s: %s\n", backend, strings.ReplaceAll(absent[backend], "\n", "\n    "))
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func line(w io.Writer, name, backend string, r Run, difference float64, verdict string) {
	ms := func(d time.Duration) string { return fmt.Sprintf("%.2f ms", d.Seconds()*1000) }
	face := "-"
	if r.Eight > 0 {
		face = ms(r.Eight / 8)
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.1g\t%s\n", name, backend, r.Info.Version, r.Info.Device, r.Open.Round(time.Millisecond), ms(r.One), face, difference, verdict)
}
