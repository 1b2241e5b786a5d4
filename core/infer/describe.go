package infer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ksamenet/ksamenet/native/trt"
)

// DescribeTensorRT says, in lines for people, what there is of TensorRT on this machine, and where. The error says what is missing and the way out; it is ErrLibrary or ErrDevice.
func DescribeTensorRT() ([]string, error) {
	l, err := trt.Load(trt.Options{})
	if err != nil {
		return nil, fromTRT(err)
	}
	i := l.Info()
	lines := []string{
		fmt.Sprintf("%s %s (%s)", i.Flavour, i.Version, i.Library),
		fmt.Sprintf("shim for %s (%s)", i.Headers, i.Shim),
		fmt.Sprintf("%s, compute capability %s, %d MiB, driver for CUDA %s", i.Device, i.Compute, i.Memory>>20, i.Driver),
	}
	if !i.CanBuild {
		lines = append(lines, "this library cannot build plans (lean or dispatch): install the full one")
	}
	return lines, nil
}

// DescribePlans says where TensorRT's plans lie and how many there are. The error is ErrCache.
func DescribePlans(dir string) (string, error) {
	dir, err := trt.Cache{Dir: dir}.Folder()
	if err != nil {
		return "", fromTRT(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.plan"))
	var size int64
	for _, f := range files {
		st, e := os.Stat(f)
		if e != nil {
			err = errors.Join(err, e)
			continue
		}
		size += st.Size()
	}
	if err != nil {
		return "", &kindError{ErrCache, err}
	}
	return fmt.Sprintf("%d in %s, %.1f MB", len(files), dir, float64(size)/1e6), nil
}
