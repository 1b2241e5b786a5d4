package av

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/asticode/go-astiav"
	"github.com/ksamenet/ksamenet/ffcli/internal/avplane"
)

// ErrHardware says that a device cannot be used; the text says why.
var ErrHardware = errors.New("cannot be done by hardware")

// hardware decodes on a device. Its pictures are brought to system memory and into the arrangement that the software decoder
// gives, so that nothing behind it can tell the difference.
type hardware struct {
	kind   astiav.HardwareDeviceType
	name   string
	device string // "/dev/dri/renderD128", "1"; empty: the first
	format astiav.PixelFormat
	// refused: the device does not decode this stream (profile, size). Set by FFmpeg's threads.
	refused atomic.Bool
}

// HardwareKind is a kind of device that this FFmpeg knows.
type HardwareKind struct {
	Name string
	Err  error // why no device of the kind can be opened; nil when one can
}

// HardwareKinds tries to open a device of every kind.
func HardwareKinds() []HardwareKind {
	var list []HardwareKind
	for _, name := range avplane.HardwareTypes() {
		list = append(list, HardwareKind{name, tryDevice(name, "")})
	}
	return list
}

func tryDevice(kind, device string) error {
	hush()
	avplane.TakeLog()
	d, err := astiav.CreateHardwareDeviceContext(astiav.FindHardwareDeviceTypeByName(kind), device, nil)
	if err != nil {
		return errors.New(reason(err))
	}
	// A codec context takes the device over, and frees it.
	c := astiav.AllocCodecContext(nil)
	c.SetHardwareDeviceContext(d)
	c.Free()
	return nil
}

// UseHardware makes decoders of s work on a device: "cuda", "vaapi:/dev/dri/renderD129". Empty is software. It returns
// ErrHardware when this FFmpeg, this machine or the codec's decoder has no such thing; nothing falls back by itself.
func (s *Source) UseHardware(spec string) error {
	if spec == "" {
		return nil
	}
	name, device, _ := strings.Cut(spec, ":")
	known := avplane.HardwareTypes()
	if !slices.Contains(known, name) {
		return faultf(ErrHardware, nil, "hardware %q; this FFmpeg knows %s", name, strings.Join(known, ", "))
	}
	h := &hardware{kind: astiav.FindHardwareDeviceTypeByName(name), name: name, device: device}
	c := astiav.FindDecoder(s.video.CodecParameters().CodecID())
	found := false
	if c != nil {
		for _, k := range c.HardwareConfigs() {
			if k.HardwareDeviceType() == h.kind && k.MethodFlags().Has(astiav.CodecHardwareConfigMethodFlagHwDeviceCtx) {
				h.format, found = k.PixelFormat(), true
			}
		}
	}
	if !found {
		return faultf(ErrHardware, nil, "%s: %s is not decoded by %s here; leave --hwaccel out", filepath.Base(s.info.Path), s.info.Codec, name)
	}
	if err := tryDevice(name, device); err != nil {
		return faultf(ErrHardware, nil, "no %s device can be opened: %v; leave --hwaccel out, or install the device's driver", spec, err)
	}
	s.hw = h
	return nil
}

// attach gives a decoder the device.
func (h *hardware) attach(dec *astiav.CodecContext) error {
	d, err := astiav.CreateHardwareDeviceContext(h.kind, h.device, nil)
	if err != nil {
		return faultf(ErrHardware, err, "no %s device can be opened: %s", h.name, reason(err))
	}
	dec.SetHardwareDeviceContext(d)
	dec.SetPixelFormatCallback(func(offered []astiav.PixelFormat) astiav.PixelFormat {
		if slices.Contains(offered, h.format) {
			return h.format
		}
		h.refused.Store(true)
		return astiav.PixelFormatNone
	})
	return nil
}

// fault tells that the device refused the stream.
func (h *hardware) fault(s *Source) error {
	return faultf(ErrHardware, nil, "%s: the %s device does not decode this %s (%s, %dx%d); leave --hwaccel out", filepath.Base(s.info.Path), h.name, s.info.Codec, s.info.PixelFormat, s.info.W, s.info.H)
}

// fetch brings a decoder's picture into system memory, where it is not.
func (s *Source) fetch(f *astiav.Frame) error {
	if s.hw == nil {
		return nil
	}
	return s.hw.fetch(f, s.video.CodecParameters().PixelFormat())
}

// fetch gives the picture as the software decoder would have given it.
func (h *hardware) fetch(f *astiav.Frame, want astiav.PixelFormat) error {
	if f.PixelFormat() == h.format {
		if err := avplane.Download(f, want); err != nil {
			return faultf(ErrHardware, err, "a picture cannot be fetched from %s: %s", h.name, reason(err))
		}
	}
	if f.PixelFormat() == want {
		return nil
	}
	if err := avplane.Repack(f, want); err != nil {
		return faultf(ErrHardware, err, "%s gives %s, and %s is needed: %v", h.name, f.PixelFormat().Name(), want.Name(), err)
	}
	return nil
}

// freeDecoder frees a decoder and what astiav keeps of it.
func freeDecoder(dec *astiav.CodecContext) {
	dec.SetPixelFormatCallback(nil)
	dec.Free()
}

// devices are the encoders by their names' ends that work on a device of a kind.
var devices = []string{"_nvenc", "_qsv", "_vaapi", "_v4l2m2m", "_amf", "_videotoolbox"}

func onDevice(encoder string) bool {
	return slices.ContainsFunc(devices, func(end string) bool { return strings.HasSuffix(encoder, end) })
}

// openOn opens the device of an encoder that takes its pictures there only (VAAPI); pictures of ec's format are uploaded.
func openOn(ec *astiav.CodecContext, encoder, device string) error {
	if !strings.HasSuffix(encoder, "_vaapi") {
		return nil
	}
	avplane.TakeLog()
	if err := avplane.UseDevice(ec, astiav.HardwareDeviceTypeVAAPI, device, astiav.PixelFormatVaapi, ec.PixelFormat()); err != nil {
		return faultf(ErrEncoder, err, "encoder %s: no device can be opened: %s; choose a software encoder (libx264, libx265), or install the device's driver", encoder, reason(err))
	}
	return nil
}

// deviceHint is added to the fault of an encoder that needs a device.
func deviceHint(encoder string) string {
	if !onDevice(encoder) {
		return ""
	}
	return "; this encoder needs a device and its driver: choose a software encoder (libx264, libx265) where there is none"
}

// takes are the formats of pictures that an encoder is given.
func takes(c *astiav.Codec) []astiav.PixelFormat {
	if strings.HasSuffix(c.Name(), "_vaapi") {
		return []astiav.PixelFormat{astiav.PixelFormatNv12, astiav.PixelFormatP010Le} // what is uploaded
	}
	return c.PixelFormats()
}
