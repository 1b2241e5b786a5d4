package generator

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/infer"
)

// maxBatch is the largest number of patches that one call of an engine computes.
const maxBatch = 4

// job is one patch to be computed.
type job struct {
	req   Request
	mix   *tensor.Dense
	light *lightInput
	mouth float64      // mouthOpen as the network is asked for it
	patch *frame.Patch // nil until it is computed
}

// net is one model with its sessions.
//
// Engines choose their kernels by shape, so a row of a batch could differ in its last bits from the same row alone, and
// the patch of a person would then depend on who else is in the picture. So there are few shapes (1, 2, 4 rows), and a
// width is trusted only after its first batch gave, bit by bit, what single rows give; if it does not, this engine
// computes single rows from then on. ONNX Runtime 1.32 on a CPU with AVX-512: no bit of either model differs
// (TestBatchesEqualSingles).
type net struct {
	engine  infer.Engine
	donors  int
	size    int
	batches map[int]*batch // by rows
	single  bool           // batches were seen to differ from single rows
}

// batch is a session for a number of rows, whose shapes never change, so that its memory stays where it is.
type batch struct {
	session infer.Session
	inputs  inputs
	trusted bool
}

// batch returns the session for a number of rows, opened on first use.
func (n *net) batch(rows int) (*batch, error) {
	if b := n.batches[rows]; b != nil {
		return b, nil
	}
	s, err := n.engine.NewSession(shapes(n.donors, rows))
	if err != nil {
		return nil, fmt.Errorf("generator: %w", err)
	}
	b := &batch{session: s, trusted: rows == 1}
	if b.inputs, err = bind(s, n.donors, rows); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if n.batches == nil {
		n.batches = map[int]*batch{}
	}
	n.batches[rows] = b
	return b, nil
}

// render computes the patches of jobs and says how many calls it took.
func (n *net) render(ctx context.Context, jobs []*job) (calls int64, err error) {
	for len(jobs) > 0 {
		rows := 1
		for !n.single && rows < maxBatch && 2*rows <= len(jobs) {
			rows *= 2
		}
		b, err := n.batch(rows)
		if err != nil {
			return calls, err
		}
		calls++
		if err := n.run(ctx, b, jobs[:rows]); err != nil {
			return calls, err
		}
		if !b.trusted {
			if err := n.compare(ctx, b, rows, jobs[:rows]); err != nil {
				return calls, err
			}
			if n.single {
				continue // once more, one by one
			}
		}
		for k, j := range jobs[:rows] {
			if j.patch, err = toPatch(b.row(k, rows), n.size); err != nil {
				return calls, fmt.Errorf("%w (cluster %d)", err, j.req.Cluster)
			}
		}
		jobs = jobs[rows:]
	}
	return calls, nil
}

// run computes one batch; its output stays in the session.
func (n *net) run(ctx context.Context, b *batch, jobs []*job) error {
	for k, j := range jobs {
		if err := b.inputs.set(k, j); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := b.session.Run(ctx); err != nil {
		return fmt.Errorf("generator: %w", err)
	}
	want := []int64{int64(len(jobs)), 4, int64(n.size), int64(n.size)}
	if shape, v := b.session.Shape(outputName), b.session.Data(outputName); !slices.Equal(shape, want) || len(v) != len(jobs)*4*n.size*n.size {
		return fmt.Errorf("%w: shape %v with %d values, want %v", ErrOutput, shape, len(v), want)
	}
	return nil
}

// compare computes each row of a batch alone, and trusts the width or gives up batches.
func (n *net) compare(ctx context.Context, b *batch, rows int, jobs []*job) error {
	alone, err := n.batch(1)
	if err != nil {
		return err
	}
	for k := range jobs {
		if err := n.run(ctx, alone, jobs[k:k+1]); err != nil {
			return err
		}
		if !slices.Equal(alone.row(0, 1), b.row(k, rows)) {
			n.single = true
			return nil
		}
	}
	b.trusted = true
	return nil
}

// row is the output of one row of the last run.
func (b *batch) row(k, rows int) []float32 {
	v := b.session.Data(outputName)
	size := len(v) / rows
	return v[k*size : (k+1)*size]
}

func (n *net) close() error {
	var errs []error
	for _, b := range n.batches {
		errs = append(errs, b.session.Close())
	}
	n.batches = nil
	return errors.Join(errs...)
}
