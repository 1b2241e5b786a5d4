package ffcli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/internal/testvideo"
)

// A part of a film, seen through a filter, is redacted, verified, compared and rendered again as if it were a film of its own.
func TestRedactPart(t *testing.T) {
	needNetworks(t)
	t.Parallel()
	dir := t.TempDir()
	mustRun(t, dir, "registry", "init")
	in, out, list := filepath.Join(dir, "in.mov"), filepath.Join(dir, "out.mov"), filepath.Join(dir, "cast.json")
	testvideo.FFmpeg(t, dir, "-ss", "2.4", "-t", "1.6", "-i", absolute(t, sampleClip), "-f", "lavfi", "-i", "sine=r=48000:d=1.6", "-map", "0:v:0", "-map", "1", "-c:v", "libx264", "-preset", "veryfast", "-g", "10",
		"-timecode", "10:00:00:00", "-c:a", "pcm_s16le", "in.mov")
	part := []string{"--from", "10:00:00:06", "--to", "22f", "--vf-before", "scale=960:540"}
	mustRun(t, dir, append([]string{"redact", in, "-o", out, "--k", "2", "--write-decisions", list}, part...)...)
	for _, args := range [][]string{append([]string{"compare", in, out}, part...), {"compare", in, out, "--decisions", list}} {
		said, _ := mustRun(t, dir, args...)
		if !strings.Contains(said, "16 pictures → 16") || !strings.Contains(said, "all the same") {
			t.Errorf("%v:\n%s", args, said)
		}
	}
	mustRun(t, dir, "verify", in, out, "--decisions", list)
	got := testvideo.Probe(t, "-show_entries", "stream=width:stream_tags=timecode", "-select_streams", "v", out)
	if text := strings.Join(got, " "); !strings.Contains(text, "10:00:00:06") || !strings.Contains(text, "960") {
		t.Errorf("the output says %v", got)
	}
	again := filepath.Join(dir, "again.mov")
	mustRun(t, dir, "render", in, "--decisions", list, "-o", again)
	if a, b := testvideo.FrameMD5(t, out, "-map", "0:v"), testvideo.FrameMD5(t, again, "-map", "0:v"); strings.Join(a, "") != strings.Join(b, "") {
		t.Error("render makes other pictures of the list than redact")
	}
	_, said := mustRun(t, dir, append([]string{"redact", in, "-o", out, "--k", "2", "--resume"}, part...)...)
	if !strings.Contains(said, "is done already") {
		t.Errorf("a run that was done is done again:\n%s", said)
	}
	for want, args := range map[string][]string{
		"No such filter":                {"--vf-before", "nonsense"},
		"names the first one that is":   {"--from", "9f", "--to", "9f"},
		"nothing of it lies behind":     {"--from", "3"},
		"--smart copies packets":        {"--smart", "--from", "3f"},
		"is no time":                    {"--to", "soon"},
		"drop-frame":                    {"--from", "10:00:00;02"},
		"the size has to stay":          {"--vf", "scale=64:64"},
		"changes the times of pictures": {"--vf-before", "setpts=2*PTS"},
	} {
		code, _, said := ksamenet(t, dir, append([]string{"redact", in, "-o", filepath.Join(dir, "x.mov"), "--k", "2"}, args...)...)
		if code != exitUsage || !strings.Contains(said, want) {
			t.Errorf("%v: exit %d, want %q:\n%s", args, code, want, said)
		}
	}
}
