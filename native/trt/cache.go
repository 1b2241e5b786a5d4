package trt

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Cache keeps plans on disk. A plan is found under everything that it depends on: the model's bytes, flavour, version and
// ABI of the library, the GPU, the options. Several processes may share a folder.
type Cache struct {
	Dir string       // "": $KSAMENET_PLANS, else the user's cache folder
	Log *slog.Logger // nil discards
}

// Formats of the files. A change of what a plan means for this package raises the number.
const (
	planMagic   = "KSNPLAN1"
	timingMagic = "KSNTIME1"
	jitMagic    = "KSNJITC1"
)

func (c Cache) log() *slog.Logger {
	if c.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Log
}

// Folder is where the plans lie; the error is ErrCache.
func (c Cache) Folder() (string, error) {
	if c.Dir != "" {
		return c.Dir, nil
	}
	if dir := os.Getenv(EnvCache); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("%w: %w\nhint: name a folder for plans in %s", ErrCache, err, EnvCache)
	}
	return filepath.Join(dir, "ksamenet", "plans"), nil
}

// open makes the folder and sees that nobody else can put a plan into it, for a plan is code.
func (c Cache) open() (string, error) {
	dir, err := c.Folder()
	if err != nil {
		return "", err
	}
	refuse := func(why any) (string, error) {
		return "", fmt.Errorf("%w: %s: %v\nhint: name a folder of your own for plans in %s", ErrCache, dir, why, EnvCache)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return refuse(err)
	}
	st, err := os.Stat(dir)
	if err != nil {
		return refuse(err)
	}
	if st.Mode().Perm()&0o022 != 0 {
		return refuse("others can write to it (chmod go-w mends that)")
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok && int(sys.Uid) != os.Geteuid() {
		return refuse("it belongs to another user")
	}
	// Found out now, not after minutes of building.
	probe, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return refuse(err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return refuse(err)
	}
	return dir, nil
}

// key is the name of a plan: what it depends on, hashed.
func (l *Library) key(onnx []byte, o BuildOptions) string {
	i := l.info
	h := sha256.New()
	model := sha256.Sum256(onnx)
	fmt.Fprintf(h, "%s\n%x\n%s %d, headers %s\n%s, %d\nhalf %v target %d\n", planMagic, model, i.Flavour, i.fullNumber, i.Headers, i.Device, i.compute, o.Half, o.Target)
	for _, p := range o.Profiles {
		for _, name := range slices.Sorted(maps.Keys(p)) {
			fmt.Fprintf(h, "%q %v %v %v\n", name, p[name].Min, p[name].Opt, p[name].Max)
		}
		fmt.Fprintln(h)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// timingName is the timing cache's file: one a library and GPU, for all models.
func (l *Library) timingName() string {
	i := l.info
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %s %d", i.Flavour, i.fullNumber, i.Device, i.compute))
	return hex.EncodeToString(sum[:8]) + ".timing"
}

// Open gives the engine of a model: from the plan in the cache, or from a new one that is then kept. name only serves
// messages and file names. Before it returns, the engine has run once in each profile: what is loaded or compiled at first
// use is done then, and a GPU that cannot run it is found out.
// Errors: ErrCache, ErrModel, ErrShape, ErrLibrary, ErrDevice.
func (c Cache) Open(l *Library, name string, onnx []byte, o BuildOptions) (*Engine, error) {
	dir, err := c.open()
	if err != nil {
		return nil, err
	}
	base := filepath.Join(dir, safe(name)+"-"+l.key(onnx, o))
	unlock, err := lock(base + ".lock")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCache, err)
	}
	defer unlock()
	e, err := c.fromDisk(l, base)
	if err != nil && !errors.Is(err, errPlan) {
		return nil, err
	}
	if e == nil {
		if e, err = c.rebuild(l, name, base, onnx, o, err); err != nil {
			return nil, err
		}
	}
	if err := c.warm(e, base); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// fromDisk loads the plan of a former build. No plan is no error; one that is not usable is errPlan.
func (c Cache) fromDisk(l *Library, base string) (*Engine, error) {
	plan, err := readSealed(base+".plan", planMagic)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return l.Load(plan, c.jit(base))
}

// jit is the cache of compiled kernels, nil where there is none: it only saves time.
func (c Cache) jit(base string) []byte {
	jit, err := readSealed(base+".jit", jitMagic)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.log().Warn("TensorRT kernel cache not usable, compiling anew", "file", base+".jit", "error", err)
	}
	return jit
}

func (c Cache) rebuild(l *Library, name, base string, onnx []byte, o BuildOptions, why error) (*Engine, error) {
	if why != nil {
		c.log().Warn("TensorRT plan not usable, building it anew", "model", name, "file", base+".plan", "error", why)
	}
	c.log().Info("building a TensorRT plan, once for this GPU and version; this takes seconds to minutes", "model", name, "gpu", l.info.Device)
	timingFile := filepath.Join(filepath.Dir(base), l.timingName())
	timing, err := readSealed(timingFile, timingMagic)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.log().Warn("TensorRT timing cache not usable, measuring anew", "file", timingFile, "error", err)
	}
	start := time.Now()
	plan, timing, err := l.Build(onnx, o, timing)
	for _, line := range l.Log() {
		c.log().Debug("TensorRT", "model", name, "message", line)
	}
	if err != nil {
		return nil, err
	}
	e, err := l.Load(plan, nil)
	if errors.Is(err, errPlan) {
		return nil, fmt.Errorf("%w: the library refuses the plan that it built itself: %w", ErrDevice, err)
	}
	if err != nil {
		return nil, err
	}
	err = writeSealed(base+".plan", planMagic, plan)
	if err == nil && timing != nil {
		err = writeSealed(timingFile, timingMagic, timing)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w\nhint: name another folder for plans in %s", ErrCache, err, EnvCache), e.Close())
	}
	c.log().Info("TensorRT plan built", "model", name, "bytes", len(plan), "took", time.Since(start).Round(time.Millisecond))
	return e, nil
}

// warm runs the engine once in each profile, and keeps the kernels that were compiled for it.
func (c Cache) warm(e *Engine, base string) error {
	if err := e.warm(); err != nil {
		return fmt.Errorf("first run: %w", err)
	}
	jit, err := e.jit()
	if err != nil || jit == nil {
		return err
	}
	if old, err := readSealed(base+".jit", jitMagic); err == nil && string(old) == string(jit) {
		return nil
	}
	if err := writeSealed(base+".jit", jitMagic, jit); err != nil {
		return fmt.Errorf("%w: %w", ErrCache, err)
	}
	return nil
}

// safe makes a file name's part of a model's name.
func safe(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '.' {
			return r
		}
		return '_'
	}, name)
}

// lock takes a file's lock, waiting for the process that builds the same plan.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	// Closing the file gives the lock back.
	return func() { _ = f.Close() }, nil
}

// A sealed file is: magic (8 bytes), length of the content (8, little endian), its sha256 (32), the content.
const sealBytes = 8 + 8 + sha256.Size

// writeSealed writes a file that appears under its name only when complete.
func writeSealed(path, magic string, content []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	sum := sha256.Sum256(content)
	head := append([]byte(magic), binary.LittleEndian.AppendUint64(nil, uint64(len(content)))...)
	_, err = f.Write(append(head, sum[:]...))
	if err == nil {
		_, err = f.Write(content)
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// readSealed returns the content of a file that is whole. The error is errPlan for one that is not, else the system's.
func readSealed(path, magic string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(b) < sealBytes || string(b[:8]) != magic {
		return nil, fmt.Errorf("%w: %s is no file of this kind", errPlan, path)
	}
	content := b[sealBytes:]
	if n := binary.LittleEndian.Uint64(b[8:]); n != uint64(len(content)) {
		return nil, fmt.Errorf("%w: %s holds %d bytes, want %d", errPlan, path, len(content), n)
	}
	if sum := sha256.Sum256(content); string(sum[:]) != string(b[16:sealBytes]) {
		return nil, fmt.Errorf("%w: %s is damaged (sha256)", errPlan, path)
	}
	return content, nil
}
