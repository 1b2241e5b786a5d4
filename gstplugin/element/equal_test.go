package element

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ksamenet/ksamenet/core/frame"
	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/core/report"
	"github.com/ksamenet/ksamenet/ffcli"
	"github.com/ksamenet/ksamenet/internal/testvideo"
)

// The element gives the pixels of pipeline.Live with the same settings, to the byte: so does every host of it.
func TestPixelsAreThoseOfTheLivePipeline(t *testing.T) {
	const pictures = 10
	c := openCrowd(t, pictures)
	got, stopped := shown(t, c.line+" ! ksamenet uncertified=true qos=false lookahead=4 detect-interval=2 halo=true ! fakesink name=out", pictures, c.clip.Width, c.clip.Height)
	if stopped != "" || len(got) != pictures {
		t.Fatalf("%q, %d pictures", stopped, len(got))
	}
	ctx := context.Background()
	cfg := pipeline.DefaultConfig()
	cfg.Uncertified, cfg.Lookahead, cfg.DetectInterval, cfg.Detail, cfg.Halo = true, 4, 2, pipeline.DetailFast, true
	l, err := pipeline.OpenLive(ctx, cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	var held []*frame.Picture
	replaced := 0
	next := func(at int) {
		n, err := l.Paint(ctx, held[0])
		if err != nil {
			t.Fatal(err)
		}
		replaced += n.Replaced
		for i := range held[0].Planes {
			if !bytes.Equal(held[0].Planes[i].Data, got[at].Planes[i].Data) {
				t.Fatalf("plane %d of picture %d differs", i, at)
			}
		}
		held = held[1:]
	}
	for at := range pictures {
		pic := c.originals[at]
		pic.PTS = time.Duration(at+2) * 40 * time.Millisecond
		if err := l.Examine(ctx, pic); err != nil {
			t.Fatal(err)
		}
		if held = append(held, pic); len(held) > cfg.Lookahead {
			next(at - cfg.Lookahead)
		}
	}
	for len(held) > 0 {
		next(pictures - len(held))
	}
	if replaced < 2*pictures {
		t.Errorf("%d faces were replaced, so the test says little", replaced)
	}
}

// command runs the command line in this process and wants it to succeed.
func command(t *testing.T, in io.Reader, args ...string) []byte {
	t.Helper()
	var out, errs bytes.Buffer
	if code := ffcli.Run(t.Context(), append([]string{"ksamenet"}, args...), in, &out, &errs); code != 0 {
		t.Fatalf("%v: exit %d\n%s", args, code, errs.String())
	}
	return out.Bytes()
}

// The element gives the pixels of the command line's live mode (`ksamenet filter`) with the same registry and settings, to the byte,
// in every picture, and says the same of what it did. Two enrolled people are recognised and wear the surrogate of their cluster.
func TestPixelsAreThoseOfTheFilter(t *testing.T) {
	const pictures = 16
	c := openCrowd(t, 1)
	need(t, "matroskademux", "avdec_ffv1")
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	testvideo.FFmpeg(t, dir, "-i", c.clip.Path(), "-frames:v", fmt.Sprint(pictures), "-c:v", "ffv1", file("in.mkv"))
	who := []string{"--registry", file("people.db"), "--key-file", file("people.key")}
	command(t, nil, append([]string{"registry", "init"}, who...)...)
	command(t, nil, append([]string{"registry", "enroll", file("in.mkv")}, who...)...)
	stream, err := os.ReadFile(file("in.mkv"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, props, flags string }{
		{"live", "preset=live", "live"},
		{"file", "preset=file", "file"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			told := map[string]string{"filter": file(tc.name + "-filter.json"), "element": file(tc.name + "-element.json")}
			args := append([]string{"filter", "--pace", tc.flags, "--k", "2", "--quiet", "--format", "matroska", "--report", told["filter"]}, who...)
			if err := os.WriteFile(file("out.mkv"), command(t, bytes.NewReader(stream), args...), 0o600); err != nil {
				t.Fatal(err)
			}
			testvideo.FFmpeg(t, dir, "-y", "-i", file("out.mkv"), "-f", "rawvideo", "-pix_fmt", "yuv420p", file("filter.yuv"))
			want, err := os.ReadFile(file("filter.yuv"))
			if err != nil {
				t.Fatal(err)
			}
			got, stopped := record(t, fmt.Sprintf("filesrc location=%s ! matroskademux ! avdec_ffv1 ! ksamenet qos=false k=2 registry=%s key-file=%s report=%s %s",
				file("in.mkv"), file("people.db"), file("people.key"), told["element"], tc.props))
			if size := c.clip.Width * c.clip.Height * 3 / 2; stopped != "" || len(got) != pictures*size || len(want) != len(got) {
				t.Fatalf("%q; %d bytes from the element, %d from the filter, want %d", stopped, len(got), len(want), pictures*size)
			} else {
				for at := range pictures {
					if !bytes.Equal(got[at*size:(at+1)*size], want[at*size:(at+1)*size]) {
						t.Errorf("picture %d differs", at)
					}
				}
			}
			var said [2]report.Report
			for i, by := range []string{"filter", "element"} {
				b, err := os.ReadFile(told[by])
				if err == nil {
					err = json.Unmarshal(b, &said[i])
				}
				if err != nil {
					t.Fatal(err)
				}
				r := &said[i]
				r.Tool, r.Input.SHA256, r.Output.SHA256 = "", "", "" // an element sees no files
			}
			f, e := said[0], said[1]
			if fmt.Sprintf("%+v", f) != fmt.Sprintf("%+v", e) {
				t.Errorf("the filter tells\n%+v\nthe element\n%+v", f, e)
			}
			if f.Coverage.Replaced < pictures {
				t.Errorf("%d faces were replaced, so the test says little", f.Coverage.Replaced)
			}
			if f.Verdict != report.Certified || f.Ledger.Head == "" {
				t.Errorf("verdict %q, ledger %+v: nobody was recognised", f.Verdict, f.Ledger)
			}
		})
	}
}
