package ffcli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/infer"
	"github.com/ksamenet/ksamenet/core/report"
	"github.com/ksamenet/ksamenet/ffcli/internal/av"
	"github.com/ksamenet/ksamenet/internal/require"
	"github.com/ksamenet/ksamenet/internal/testvideo"
	"github.com/ksamenet/ksamenet/models"
)

// sampleClip is the committed clip of synthetic people; truth says who is where in each frame.
var sampleClip = filepath.Join("..", "examples", "sample", "sample.mp4")

// needNetworks skips without the engine and the models that `make deps` brings.
func needNetworks(t *testing.T) {
	t.Helper()
	for _, st := range models.DefaultStore("").Check() {
		if st.Err != nil {
			require.Missing(t, "models", st.Err.Error())
		}
	}
	m, b, err := models.DefaultStore("").Load(models.ByRole("generator")[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	e, err := infer.Open(m, b, infer.Options{})
	if err != nil {
		require.Missing(t, "ort", err.Error())
	}
	e.Close()
}

// ksamenet runs a command line with a registry of its own in dir.
func ksamenet(t *testing.T, dir string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	if slices.Contains([]string{"redact", "analyze", "render", "registry"}, args[0]) {
		args = append(args, "--registry", filepath.Join(dir, "people.db"), "--key-file", filepath.Join(dir, "key", "people.key"))
	}
	var out, errs bytes.Buffer
	code = Run(context.Background(), append([]string{"ksamenet"}, args...), nil, &out, &errs)
	return code, out.String(), errs.String()
}

func mustRun(t *testing.T, dir string, args ...string) (stdout, stderr string) {
	t.Helper()
	code, out, errs := ksamenet(t, dir, args...)
	if code != exitDone {
		t.Fatalf("ksamenet %s: exit %d\n%s", strings.Join(args, " "), code, errs)
	}
	return out, errs
}

// truthFace is one face of the sample's ground truth.
type truthFace struct {
	Person int        `json:"person"`
	Box    [4]float64 `json:"box"` // x, y, width, height
}

func readTruth(t *testing.T) [][]truthFace {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "examples", "sample", "truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	var truth struct {
		Faces [][]truthFace `json:"faces"`
	}
	if err := json.Unmarshal(b, &truth); err != nil {
		t.Fatal(err)
	}
	return truth.Faces
}

// patches samples the luma of each true face on a 12×12 grid over the middle of its box.
func patches(t *testing.T, path string, truth [][]truthFace) (out [][][]byte, digest string) {
	t.Helper()
	h := sha256.New()
	_, err := av.Decode(context.Background(), path, av.DecodeOptions{}, func(pic *frame.Picture) error {
		for _, pl := range pic.Planes {
			h.Write(pl.Data)
		}
		var faces [][]byte
		if int(pic.Index) < len(truth) {
			for _, f := range truth[pic.Index] {
				var p []byte
				for j := range 12 {
					for i := range 12 {
						x := int(f.Box[0] + f.Box[2]*(.25+.5*float64(i)/11))
						y := int(f.Box[1] + f.Box[3]*(.30+.5*float64(j)/11))
						if x < 0 || y < 0 || x >= pic.W || y >= pic.H {
							continue
						}
						p = append(p, pic.Planes[0].Data[y*pic.Planes[0].Stride+x])
					}
				}
				faces = append(faces, p)
			}
		}
		out = append(out, faces)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out, hex.EncodeToString(h.Sum(nil))
}

// likeness is the correlation of two samplings of one face: near 1 for a face that was left as it was, or only blurred.
func likeness(a, b []byte) float64 {
	var ma, mb float64
	for i := range a {
		ma, mb = ma+float64(a[i]), mb+float64(b[i])
	}
	n := float64(len(a))
	ma, mb = ma/n, mb/n
	var ab, aa, bb float64
	for i := range a {
		x, y := float64(a[i])-ma, float64(b[i])-mb
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	if aa == 0 || bb == 0 {
		return 0 // an opaque cover is flat
	}
	return ab / math.Sqrt(aa*bb)
}

// The main job: every face of the sample becomes another one, and nothing else of the file changes.
func TestRedactSample(t *testing.T) {
	needNetworks(t)
	truth := readTruth(t)
	dir := t.TempDir()
	mustRun(t, dir, "registry", "init")
	out := filepath.Join(dir, "out.mp4")
	_, errs := mustRun(t, dir, "redact", sampleClip, "-o", out, "--k", "3")
	if !strings.Contains(errs, "CERTIFIED") || strings.Contains(errs, report.NotCertified) {
		t.Errorf("summary:\n%s", errs)
	}

	before, _ := patches(t, sampleClip, truth)
	after, _ := patches(t, out, truth)
	if len(before) != len(after) {
		t.Fatalf("%d frames became %d", len(before), len(after))
	}
	faces, like := 0, 0
	for f := range before {
		for i := range before[f] {
			faces++
			if same := likeness(before[f][i], after[f][i]); same > .97 {
				like++
				if like <= 5 {
					t.Errorf("frame %d: the face of person %d looks as before (correlation %.3f)", f, truth[f][i].Person, same)
				}
			}
		}
	}
	if like > 0 || faces < 500 {
		t.Errorf("%d of %d faces look as before", like, faces)
	}
	sameStreams(t, sampleClip, out)

	var rep report.Report
	b, err := os.ReadFile(out + ".report.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &rep); err != nil {
		t.Fatal(err)
	}
	if rep.Verdict != report.Certified || rep.KEff.Population < 3 || rep.Coverage.Uncovered != 0 || rep.People != 7 || rep.Ledger.Rows == 0 || len(rep.Models) < 5 {
		t.Errorf("report: %s", b)
	}
	if share := float64(rep.Coverage.Replaced) / float64(rep.Coverage.Faces); share < .95 {
		t.Errorf("only %.1f %% of faces were replaced; %d covered", 100*share, rep.Coverage.Covered)
	}

	noLeftovers(t, dir)
}

// I11: the same input, registry and key give the same decisions and the same pictures, whether redact does both passes or
// analyze and render do them apart.
func TestRunsAreEqual(t *testing.T) {
	needNetworks(t)
	dir := t.TempDir()
	mustRun(t, dir, "registry", "init")
	clip := filepath.Join(dir, "clip.mkv")
	testvideo.FFmpeg(t, dir, "-ss", "2.8", "-i", absolute(t, sampleClip), "-frames:v", "40", "-c:v", "libx264", "-crf", "16", "-c:a", "copy", clip)
	out := filepath.Join(dir, "out.mkv")
	mustRun(t, dir, "redact", clip, "-o", out, "--k", "3")
	cast := [2]string{filepath.Join(dir, "1.json"), filepath.Join(dir, "2.json")}
	for _, c := range cast {
		mustRun(t, dir, "analyze", clip, "-o", c, "--k", "3")
	}
	if a, b := read(t, cast[0]), read(t, cast[1]); !bytes.Equal(a, b) {
		t.Error("two analyses over one registry differ")
	}
	again := filepath.Join(dir, "again.mkv")
	mustRun(t, dir, "render", "--decisions", cast[0], clip, "-o", again)
	_, first := patches(t, out, nil)
	if _, second := patches(t, again, nil); first != second {
		t.Error("rendering the decision list gave other pictures than redact")
	}
	for _, c := range []string{"1.json", "again.mkv.report.json", "out.mkv.report.json"} {
		if strings.Contains(string(read(t, filepath.Join(dir, c))), "mbedding") {
			t.Errorf("%s speaks of embeddings", c) // I12
		}
	}
	// A list that claims more than the registry bears out is refused, unless nothing is to be claimed.
	forged := filepath.Join(dir, "forged.json")
	if err := os.WriteFile(forged, bytes.Replace(read(t, cast[0]), []byte(`"members":`), []byte(`"members":9`), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	code, _, errs := ksamenet(t, dir, "render", "--decisions", forged, clip, "-o", filepath.Join(dir, "forged.mkv"))
	if code != exitFailed || !strings.Contains(errs, "does not bear out") {
		t.Errorf("a forged list: exit %d\n%s", code, errs)
	}
	if _, errs := mustRun(t, dir, "render", "--decisions", forged, clip, "-o", filepath.Join(dir, "forged.mkv"), "--uncertified"); !strings.Contains(errs, report.NotCertified) {
		t.Errorf("a forged list, uncertified:\n%s", errs)
	}
	code, _, errs = ksamenet(t, dir, "render", "--decisions", cast[0], sampleClip, "-o", filepath.Join(dir, "other.mp4"))
	if code != exitFailed || !strings.Contains(errs, "not the file that was analysed") {
		t.Errorf("rendering another file: exit %d\n%s", code, errs)
	}
	noLeftovers(t, dir)
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sameStreams compares the times of all video frames and every packet of the other streams.
func sameStreams(t *testing.T, a, b string) {
	t.Helper()
	for _, args := range [][]string{
		{"-v", "error", "-select_streams", "v:0", "-show_entries", "frame=pts_time", "-of", "csv=p=0"},
		{"-v", "error", "-select_streams", "a", "-show_entries", "packet=stream_index,pts_time,dts_time,size,data_hash", "-show_data_hash", "md5", "-of", "csv=p=0"},
	} {
		x, y := testvideo.Probe(t, append(args, a)...), testvideo.Probe(t, append(args, b)...)
		if len(x) == 0 || strings.Join(x, "\n") != strings.Join(y, "\n") {
			t.Errorf("ffprobe %v: %d lines became %d, or they differ", args[3:5], len(x), len(y))
		}
	}
}

func noLeftovers(t *testing.T, dir string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		if strings.HasSuffix(f.Name(), ".part") {
			t.Errorf("%s was left behind", f.Name())
		}
	}
}

// Fewer than k people: refused before rendering, with the three ways out; --uncertified and --k 1 render without a claim.
func TestTooFewPeople(t *testing.T) {
	needNetworks(t)
	dir := t.TempDir()
	mustRun(t, dir, "registry", "init")
	clip := filepath.Join(dir, "clip.mp4")
	testvideo.FFmpeg(t, dir, "-i", absolute(t, sampleClip), "-frames:v", "12", "-c:a", "copy", clip)
	out := filepath.Join(dir, "out.mp4")
	code, _, errs := ksamenet(t, dir, "redact", clip, "-o", out, "--k", "20")
	if code != exitTooFew || !strings.Contains(errs, "registry enroll") || !strings.Contains(errs, "--k") || !strings.Contains(errs, "--uncertified") {
		t.Errorf("exit %d\n%s", code, errs)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a refused run left an output")
	}
	_, errs = mustRun(t, dir, "redact", clip, "-o", out, "--k", "20", "--uncertified")
	var rep report.Report
	if err := json.Unmarshal(read(t, out+".report.json"), &rep); err != nil || rep.Verdict != report.NotCertified || !strings.Contains(errs, report.NotCertified) {
		t.Errorf("uncertified: %v %s\n%s", err, rep.Verdict, errs)
	}
	code, _, errs = ksamenet(t, dir, "redact", clip, "-o", out, "--k", "20", "--uncertified")
	if code != exitUsage || !strings.Contains(errs, "--overwrite") {
		t.Errorf("an existing output: exit %d\n%s", code, errs)
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	p, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A missing or damaged engine or model ends the run with the fix, never with "no faces".
func TestMissingPieces(t *testing.T) {
	needNetworks(t)
	dir := t.TempDir()
	mustRun(t, dir, "registry", "init")
	out := filepath.Join(dir, "out.mp4")
	empty := filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(dir, "broken.so")
	if err := os.WriteFile(broken, []byte("not a library"), 0o644); err != nil {
		t.Fatal(err)
	}
	refuse := func(name, want string, args ...string) {
		t.Run(name, func(t *testing.T) {
			code, _, errs := ksamenet(t, dir, append([]string{"redact", sampleClip, "-o", out, "--k", "3"}, args...)...)
			if code != exitFailed || !strings.Contains(errs, want) || !strings.Contains(errs, "make deps") {
				t.Errorf("exit %d, want %q and the fix:\n%s", code, want, errs)
			}
			if _, err := os.Stat(out); err == nil {
				t.Error("an output was left")
			}
		})
	}
	refuse("no models", "centerface", "--models", empty)
	refuse("no engine", "nowhere.so", "--ort-lib", filepath.Join(dir, "nowhere.so"))
	refuse("broken engine", "broken.so", "--ort-lib", broken)
	for _, name := range []string{"centerface", "facemesh", "sface"} {
		models := filepath.Join(dir, name)
		damageModel(t, name, models)
		refuse("damaged "+name, "sha256", "--models", models)
	}
}

// damageModel copies the third-party models to a folder and flips a byte of one.
func damageModel(t *testing.T, name, to string) {
	t.Helper()
	if err := os.Mkdir(to, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, st := range models.DefaultStore("").Check() {
		if st.Path == "" {
			continue
		}
		target := filepath.Join(to, st.Manifest.File)
		if st.Manifest.Name != name {
			if err := os.Symlink(st.Path, target); err != nil {
				t.Fatal(err)
			}
			continue
		}
		b := read(t, st.Path)
		b[len(b)/2] ^= 1
		if err := os.WriteFile(target, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Inputs that are no video, or not whole.
func TestBadInputs(t *testing.T) {
	needNetworks(t)
	dir := t.TempDir()
	mustRun(t, dir, "registry", "init")
	write := func(name string, b []byte) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, b, 0o644); err != nil {
			t.Fatal(err)
		}
		return p
	}
	sound := filepath.Join(dir, "sound.m4a")
	testvideo.FFmpeg(t, dir, "-i", absolute(t, sampleClip), "-vn", "-c:a", "copy", sound)
	out := filepath.Join(dir, "out.mp4")
	for _, tc := range []struct{ name, in, want string }{
		{"missing", filepath.Join(dir, "nowhere.mp4"), "nowhere.mp4"},
		{"empty", write("empty.mp4", nil), "empty"},
		{"garbage", write("garbage.mp4", bytes.Repeat([]byte("no video here. "), 4000)), "not a media file"},
		{"a folder into one file", dir, "would both become"},
		{"no video", sound, "no video stream"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, _, errs := ksamenet(t, dir, "redact", tc.in, "-o", out)
			if code != exitFailed && code != exitUsage || !strings.Contains(errs, tc.want) {
				t.Errorf("exit %d, want a line with %q:\n%s", code, tc.want, errs)
			}
			if _, err := os.Stat(out); err == nil {
				t.Error("an output was left")
			}
		})
	}
	t.Run("cut short", func(t *testing.T) {
		whole := filepath.Join(dir, "whole.mkv")
		testvideo.FFmpeg(t, dir, "-i", absolute(t, sampleClip), "-frames:v", "40", "-g", "10", "-c:v", "libx264", "-c:a", "copy", whole)
		b := read(t, whole)
		short := write("short.mkv", b[:len(b)*6/10])
		out := filepath.Join(dir, "short.out.mkv")
		code, _, errs := ksamenet(t, dir, "redact", short, "-o", out, "--uncertified")
		if code != exitFailed || !strings.Contains(errs, "ended early") {
			t.Errorf("exit %d\n%s", code, errs)
		}
		if _, err := os.Stat(out); err == nil {
			t.Error("an incomplete output has the final name")
		}
		if n := frames(t, filepath.Join(dir, "short.out.partial.mkv")); n < 5 || n >= 40 {
			t.Errorf("%d frames of a file cut short", n)
		}
		mustRun(t, dir, "redact", short, "-o", out, "--uncertified", "--allow-truncated", "--overwrite")
		if n := frames(t, out); n < 5 {
			t.Errorf("%d frames", n)
		}
	})
	noLeftovers(t, dir)
}

func frames(t *testing.T, path string) int {
	t.Helper()
	r, err := av.Decode(context.Background(), path, av.DecodeOptions{}, func(*frame.Picture) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return int(r.Frames)
}

// An interrupted run leaves nothing under any name.
func TestInterrupted(t *testing.T) {
	needNetworks(t)
	dir := t.TempDir()
	mustRun(t, dir, "registry", "init")
	ctx, cancel := context.WithCancel(context.Background())
	var errs bytes.Buffer
	w := writerFunc(func(b []byte) (int, error) {
		if strings.Contains(string(b), `"pass":"render"`) || strings.Contains(string(b), `"pass":"analyse"`) {
			cancel()
		}
		return len(b), nil
	})
	code := Run(ctx, []string{"ksamenet", "redact", sampleClip, "-o", filepath.Join(dir, "out.mp4"), "--k", "3", "--json",
		"--registry", filepath.Join(dir, "people.db"), "--key-file", filepath.Join(dir, "key", "people.key")}, nil, w, &errs)
	if code != exitFailed || !strings.Contains(errs.String(), "interrupted") {
		t.Errorf("exit %d\n%s", code, errs.String())
	}
	list, err := filepath.Glob(filepath.Join(dir, "*out*"))
	if err != nil || len(list) > 0 {
		t.Errorf("left behind: %v %v", list, err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestUsage(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{
		{"redact"}, {"redact", "a.mp4"}, {"redact", "a.mp4", "b.mp4", "-o", "c.mp4"}, {"redact", "a.mp4", "-o", "b.mp4", "--k", "0"},
		{"redact", "a.mp4", "-o", "b.mp4", "--fallback", "clear"}, {"redact", "--bogus"}, {"nonsense"}, {"render", "a.mp4", "-o", "b.mp4"},
		{"registry", "show", "x"}, {"registry", "enroll"}, {"analyze", "-o", "x.json"}, {"redact", "a.mp4", "-o", "b.mp4", "--log-level", "loud"},
		{"registry", "init", "people.db"}, {"registry", "nonsense"}, {"models", "list", "x"}, {"doctor", "x"}, {"version", "x"}, {"decisions", "x"},
	} {
		code, _, errs := ksamenet(t, dir, args...)
		if code != exitUsage || !strings.HasPrefix(errs, "error: ") {
			t.Errorf("ksamenet %s: exit %d\n%s", strings.Join(args, " "), code, errs)
		}
	}
	out, _ := mustRun(t, dir, "version")
	if out != fmt.Sprintf("ksamenet %s\n", Version) {
		t.Errorf("version: %q", out)
	}
}
