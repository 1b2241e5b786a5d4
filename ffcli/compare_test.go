package ffcli

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/internal/testvideo"
)

// After a lossless render every sample outside the masks is what it was, and every other stream is copied (I5, from the
// original file to the finished one).
func TestCompareAfterLosslessRender(t *testing.T) {
	needNetworks(t)
	dir := t.TempDir()
	mustRun(t, dir, "registry", "init")
	clip, cast, out := filepath.Join(dir, "clip.mov"), filepath.Join(dir, "cast.json"), filepath.Join(dir, "out.mkv")
	testvideo.FFmpeg(t, dir, "-ss", "2.8", "-i", absolute(t, sampleClip), "-frames:v", "8", "-pix_fmt", "yuv422p10le", "-c:v", "prores_ks", "-c:a", "pcm_s24le", "-shortest", clip)
	mustRun(t, dir, "analyze", clip, "-o", cast, "--uncertified")
	for _, args := range [][]string{{"--codec", "libx264", "--encoder-option", "qp=0", "--encoder-option", "preset=ultrafast"}, {"--codec", "ffv1"}} {
		mustRun(t, dir, append([]string{"render", "--decisions", cast, clip, "-o", out, "--overwrite", "--uncertified"}, args...)...)
		said, _ := mustRun(t, dir, "compare", "--exact", "--decisions", cast, clip, out)
		for _, want := range []string{"outside the masks: exact", "inside the masks: PSNR", "clean:", "all the same"} {
			if !strings.Contains(said, want) {
				t.Errorf("%v: no %q in:\n%s", args, want, said)
			}
		}
	}
	// Without the list the faces are a difference that --exact does not allow.
	code, said, errs := ksamenet(t, dir, "compare", "--exact", "--json", clip, out)
	var r struct {
		Clean bool
		Video struct{ Frames [2]int }
	}
	if err := json.Unmarshal([]byte(said), &r); err != nil || code != exitIncomplete || r.Clean || r.Video.Frames != [2]int{8, 8} {
		t.Errorf("exit %d, %v, %s\n%s", code, err, said, errs)
	}
	if code, _, errs := ksamenet(t, dir, "compare", "--decisions", cast, out, clip); code != exitFailed || !strings.Contains(errs, "is not the file") {
		t.Errorf("a list of another file: exit %d\n%s", code, errs)
	}
	if code, _, _ := ksamenet(t, dir, "compare", clip); code != exitUsage {
		t.Errorf("one file: exit %d", code)
	}
}
