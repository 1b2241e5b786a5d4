package av

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/asticode/go-astiav"
	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/ffcli/internal/avplane"
	"github.com/ksamenet/ksamenet/internal/testvideo"
)

// A device that is not there, not known, or no use for the codec is refused before work, with the way out.
func TestHardwareRefuses(t *testing.T) {
	in := testvideo.MakeClip(t, "in.mkv", testvideo.Clip{Steps: []string{"-f lavfi -i testsrc2=s=160x120:d=0.2 -c:v ffv1"}})
	h264 := testvideo.MakeClip(t, "in.mp4", testvideo.Clip{Steps: []string{"-f lavfi -i testsrc2=s=160x120:d=0.2 -c:v libx264 -preset veryfast"}})
	for _, tc := range []struct{ name, in, spec, want string }{
		{"unknown", h264, "warp", "this FFmpeg knows"},
		{"codec", in, "vaapi", "ffv1 is not decoded by vaapi"},
		{"no device", h264, "vaapi:/dev/dri/renderD250", "no vaapi:/dev/dri/renderD250 device can be opened"},
	} {
		_, err := Decode(t.Context(), tc.in, DecodeOptions{Hardware: tc.spec}, noEdit)
		if !errors.Is(err, ErrHardware) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", tc.name, err)
		}
		if err := Check(t.Context(), tc.in, filepath.Join(t.TempDir(), "o"+filepath.Ext(tc.in)), TranscodeOptions{Hardware: tc.spec}); !errors.Is(err, ErrHardware) {
			t.Errorf("%s: Check: %v", tc.name, err)
		}
	}
	for _, k := range HardwareKinds() {
		if k.Name == "" || k.Err != nil && k.Err.Error() == "" {
			t.Errorf("%+v", k)
		}
	}
	for _, encoder := range []string{"h264_vaapi", "h264_nvenc", "h264_qsv"} {
		if astiav.FindEncoderByName(encoder) == nil {
			continue
		}
		out := filepath.Join(t.TempDir(), "o.mp4")
		err := Check(t.Context(), h264, out, TranscodeOptions{Codec: encoder, Device: "/dev/dri/renderD250"})
		if err == nil {
			t.Logf("%s: this machine has one", encoder)
			continue
		}
		if !errors.Is(err, ErrEncoder) || !strings.Contains(err.Error(), "choose a software encoder") {
			t.Errorf("%s: %v", encoder, err)
		}
		onlyFile(t, out)
	}
}

// Devices give nv12 and p010: rearranged, the samples are those of the software decoder.
func TestRepack(t *testing.T) {
	for _, tc := range []struct{ planar, packed string }{{"yuv420p", "nv12"}, {"yuv420p10le", "p010le"}} {
		in := testvideo.MakeClip(t, "in.mkv", testvideo.Clip{Steps: []string{"-f lavfi -i testsrc2=s=182x118:d=0.08 -vf noise=alls=40,format=" + tc.planar + " -c:v ffv1"}})
		s, err := Open(in)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		r, err := newReader(s, 1, 2, false, View{})
		if err != nil {
			t.Fatal(err)
		}
		defer r.close()
		it, err := r.next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer r.release(it.frame)
		packed := it.frame.Clone()
		defer packed.Free()
		var a, b frame.Picture
		if err := errors.Join(avplane.Map(it.frame, false, &a), avplane.Repack(packed, astiav.FindPixelFormatByName(tc.packed)), avplane.Map(packed, false, &b)); err != nil {
			t.Fatal(err)
		}
		if b.Layout.Name != tc.packed || !slices.Equal(samples(&a), samples(&b)) {
			t.Errorf("%s has other samples than %s", tc.packed, tc.planar)
		}
		h := &hardware{format: astiav.PixelFormatVaapi}
		if err := errors.Join(h.fetch(packed, it.frame.PixelFormat()), avplane.Map(packed, false, &b)); err != nil {
			t.Fatal(err)
		}
		if b.Layout.Name != tc.planar || !slices.Equal(samples(&a), samples(&b)) {
			t.Errorf("%s by way of %s has other samples", tc.planar, tc.packed)
		}
		if err := h.fetch(packed, astiav.FindPixelFormatByName("gray")); !errors.Is(err, ErrHardware) {
			t.Errorf("losing colour: %v", err)
		}
	}
}
