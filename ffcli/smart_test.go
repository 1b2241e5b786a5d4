package ffcli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/internal/testvideo"
)

// --smart copies the groups that show nobody, and renders the others; the output goes through the same verification.
func TestSmartRedact(t *testing.T) {
	needNetworks(t)
	dir := t.TempDir()
	mustRun(t, dir, "registry", "init")
	testvideo.FFmpeg(t, dir, "-ss", "2.8", "-i", absolute(t, sampleClip), "-filter_complex",
		"[0:v]trim=end_frame=6,setpts=PTS-STARTPTS,format=yuv420p,setsar=1[a];color=gray:s=1280x720:r=25,trim=end_frame=40,format=yuv420p,setsar=1[b];[b][a]concat=n=2:v=1[v]",
		"-map", "[v]", "-c:v", "libx264", "-preset", "veryfast", "-g", "10", "-keyint_min", "10", "-sc_threshold", "0", "in.mp4")
	in, out := filepath.Join(dir, "in.mp4"), filepath.Join(dir, "out.mp4")
	_, said := mustRun(t, dir, "redact", in, "-o", out, "--k", "2", "--smart", "--extend", "0")
	if !strings.Contains(said, " of 46 pictures were copied") || strings.Contains(said, " 0 of 46") || !strings.Contains(said, "CERTIFIED") {
		t.Errorf("said:\n%s", said)
	}
	x, y := testvideo.FrameMD5(t, in, "-map", "0:v"), testvideo.FrameMD5(t, out, "-map", "0:v")
	if len(x) != 46 || len(y) != 46 {
		t.Fatalf("%d and %d pictures", len(x), len(y))
	}
	for n := range 30 {
		if x[n] != y[n] {
			t.Errorf("picture %d shows nobody, and is another", n)
		}
	}
	if x[45] == y[45] {
		t.Error("picture 45 shows faces, and was copied")
	}
	if code, _, said := ksamenet(t, dir, "redact", in, "-o", filepath.Join(dir, "x.mp4"), "--k", "2", "--smart", "--vf", "hue=s=0"); code != exitUsage || !strings.Contains(said, "leave --smart out") {
		t.Errorf("refused: exit %d\n%s", code, said)
	}
}
