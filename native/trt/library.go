package trt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/ksamenet/ksamenet/internal/userdirs"
	"github.com/ksamenet/ksamenet/native/dl"
)

// Generations of TensorRT in the order in which Load tries them; each has a shim of its own.
var generations = []string{"11", "10", "rtx1"}

// RTX is the flavour that stands for every TensorRT-RTX.
const RTX = "rtx"

// BuildOnly is the Device of a library that only builds plans.
const BuildOnly = -1

// Options say which TensorRT to load.
type Options struct {
	Library string // NVIDIA's library or the folder that holds it; "": $KSAMENET_TENSORRT_LIB, else search
	Flavour string // "": whatever is there; "10", "11", "rtx"
	Device  int    // index of the GPU, or BuildOnly: no GPU is used or needed (TensorRT-RTX alone can build so)
}

// Info describes a loaded library.
type Info struct {
	Flavour    string // "TensorRT" or "TensorRT-RTX"
	Version    string // "11.4.0"
	Headers    string // what the shim was compiled from: "TensorRT 11.4.0"
	Library    string // path, or the soname that the dynamic linker resolved
	Shim       string // path
	Driver     string // CUDA version of the driver: "13.2"; "" without a device
	Device     string // name of the GPU; "" without a device
	Compute    string // compute capability: "8.6"; "" without a device
	Memory     int64  // bytes of the GPU
	CanBuild   bool   // false: a lean or dispatch library
	compute    int32
	fullNumber int32
}

// Library is an opened TensorRT on one GPU. It stays open for the life of the process. Safe for concurrent use.
type Library struct {
	shim   *shim
	native uintptr // ksn_lib*
	info   Info
}

var (
	loadMu sync.Mutex
	loaded = map[string]*Library{}
)

// Load finds a shim and the NVIDIA library that fits it, and opens the GPU. The library is looked for in Options.Library,
// $KSAMENET_TENSORRT_LIB, the user's data folder and where the dynamic linker looks; a place that the user names is final.
// Errors: ErrLibrary, ErrDevice; their text names every place and the way out.
func Load(o Options) (*Library, error) {
	loadMu.Lock()
	defer loadMu.Unlock()
	key := fmt.Sprintf("%+v %s %s %s %s", o, os.Getenv(EnvLibrary), os.Getenv(EnvShim), os.Getenv(EnvDriver), os.Getenv(EnvNewer))
	if l := loaded[key]; l != nil {
		return l, nil
	}
	l, err := find(o)
	if err != nil {
		return nil, err
	}
	loaded[key] = l
	return l, nil
}

// find tries each generation: its shim, then NVIDIA's library in each place.
func find(o Options) (*Library, error) {
	var errs []error
	tried := false
	for _, g := range generations {
		if o.Flavour != "" && !strings.HasPrefix(g, o.Flavour) {
			continue
		}
		tried = true
		s, err := openShim(g)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		l, err := s.find(o)
		if err == nil {
			return l, nil
		}
		errs = append(errs, err)
		if errors.Is(err, ErrDevice) {
			return nil, err // the driver is the same for all of them
		}
	}
	if !tried {
		return nil, fmt.Errorf("%w: no flavour %q; there are 10, 11 and rtx", ErrLibrary, o.Flavour)
	}
	return nil, shortest(errs)
}

// shortest joins the errors of the generations. Where some shim was there, the shims that were not do not matter.
func shortest(errs []error) error {
	var some []error
	for _, err := range errs {
		var missing *dl.SearchError
		if !errors.As(err, &missing) {
			some = append(some, err)
		}
	}
	if len(some) == 0 {
		return errs[0]
	}
	return errors.Join(some...)
}

// candidate is a place where NVIDIA's library may be.
type candidate struct {
	library, parser, origin string
	final                   bool
}

func (s *shim) candidates(explicit string) []candidate {
	named := func(path, origin string) []candidate {
		c := candidate{library: path, parser: s.parserSoname, origin: origin, final: true}
		dir := filepath.Dir(path)
		if st, err := os.Stat(path); err == nil && st.IsDir() {
			dir, c.library = path, filepath.Join(path, s.soname)
		} else if !strings.ContainsRune(path, filepath.Separator) {
			return []candidate{c} // a bare name is the dynamic linker's business
		}
		if parser := filepath.Join(dir, s.parserSoname); exists(parser) {
			c.parser = parser
		}
		return []candidate{c}
	}
	if explicit != "" {
		return named(explicit, "named by the options")
	}
	if env := os.Getenv(EnvLibrary); env != "" {
		return named(env, "$"+EnvLibrary)
	}
	var cs []candidate
	if home := userdirs.Data(); home != "" {
		if dir := filepath.Join(home, "ksamenet", "lib"); exists(filepath.Join(dir, s.soname)) {
			cs = append(cs, candidate{library: filepath.Join(dir, s.soname), parser: filepath.Join(dir, s.parserSoname), origin: "user data folder"})
		}
	}
	return append(cs, candidate{library: s.soname, parser: s.parserSoname, origin: "dynamic linker's search"})
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (s *shim) find(o Options) (*Library, error) {
	var tried []string
	for _, c := range s.candidates(o.Library) {
		l, err := s.openAt(c, o)
		if err == nil {
			return l, nil
		}
		if errors.Is(err, ErrDevice) {
			return nil, fmt.Errorf("%w\nhint: install or repair NVIDIA's driver (nvidia-smi must list the GPU), or use --engine onnxruntime", err)
		}
		why := err.Error()
		if errors.Is(err, fs.ErrNotExist) {
			why = "no such file"
		}
		tried = append(tried, fmt.Sprintf("\n  %s (%s): %s", c.library, c.origin, why))
	}
	return nil, fmt.Errorf("%w: cannot load the library of %s; places tried:%s\nhint: install it (docs/tensorrt.md), name its file or folder in %s, or use --engine onnxruntime",
		ErrLibrary, s.flavour, strings.Join(tried, ""), EnvLibrary)
}

// openAt opens the library of one place and starts it.
func (s *shim) openAt(c candidate, o Options) (*Library, error) {
	for _, path := range []string{c.library, c.parser} {
		// A damaged file would take the process down inside the dynamic linker.
		if !strings.ContainsRune(path, filepath.Separator) {
			continue
		}
		real, err := filepath.EvalSymlinks(path)
		if err != nil {
			return nil, err
		}
		if err := dl.CheckELF(real); err != nil {
			return nil, err
		}
	}
	newer := int32(0)
	if os.Getenv(EnvNewer) == "1" {
		newer = 1
	}
	l := &Library{shim: s}
	var text [1024]byte
	if err := fault(s.open(c.library, c.parser, os.Getenv(EnvDriver), int32(o.Device), newer, &l.native, &text[0], int32(len(text))), text[:]); err != nil {
		return nil, err
	}
	var i infoC
	if err := fault(s.info(l.native, &i), nil); err != nil {
		s.close(l.native)
		return nil, err
	}
	l.info = Info{
		Flavour: strings.Fields(s.flavour)[0], Version: versionName(i.version), Headers: s.flavour, Library: c.library, Shim: s.path,
		CanBuild: i.hasBuilder != 0, fullNumber: i.version,
	}
	if o.Device >= 0 {
		name, _, _ := strings.Cut(string(i.deviceName[:]), "\x00")
		l.info.Device, l.info.Memory, l.info.compute = name, i.memory, i.cc
		l.info.Driver = fmt.Sprintf("%d.%d", i.driver/1000, i.driver%1000/10)
		l.info.Compute = fmt.Sprintf("%d.%d", i.cc/10, i.cc%10)
	}
	return l, nil
}

// versionName reads getInferLibVersion's number: 110400 is 11.4.0, 10701 is 1.7.1.
func versionName(v int32) string { return fmt.Sprintf("%d.%d.%d", v/10000, v/100%100, v%100) }

// Info describes the library and its GPU.
func (l *Library) Info() Info { return l.info }

// Log takes the messages of the library that wait, one a line: "WARN text". It is safe to call at any time.
func (l *Library) Log() []string {
	buf := make([]byte, 1<<16)
	text := string(buf[:l.shim.log(l.native, &buf[0], int32(len(buf)))])
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
}
