//go:build zoo

package ffcli

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/ffcli/internal/av"
	"github.com/ksamenet/ksamenet/internal/testvideo"
)

var (
	updateFormats = flag.Bool("update", false, "write the table into docs/formats.md")
	onlyFiles     = flag.String("only", "", "files of the zoo to take, a regular expression")
)

// TestZoo redacts every file of the zoo in one run and compares each output with its original: clean, or refused with the
// reason. KSAMENET_DEFACE names the program deface, to be set beside it. With -update the table of docs/formats.md is
// written anew.
func TestZoo(t *testing.T) {
	needNetworks(t)
	dir, in, out := t.TempDir(), t.TempDir(), t.TempDir()
	mustRun(t, dir, "registry", "init")
	zoo := testvideo.Zoo(absolute(t, sampleClip))
	only := regexp.MustCompile(*onlyFiles)
	zoo = slices.DeleteFunc(zoo, func(a testvideo.Animal) bool { return !only.MatchString(a.Name) })
	args := []string{"redact", "--uncertified", "-o", out}
	for _, a := range zoo {
		args = append(args, a.House(t, in))
	}
	code, _, errs := ksamenet(t, dir, args...)
	if code != exitFailed && *onlyFiles == "" {
		t.Errorf("exit %d of a run with files that are refused, want %d", code, exitFailed)
	}
	var table strings.Builder
	peer := os.Getenv("KSAMENET_DEFACE")
	fmt.Fprint(&table, "| file | what it is | ksamenet | PSNR, dB |")
	if peer != "" {
		fmt.Fprint(&table, " deface |")
	}
	fmt.Fprint(&table, "\n| --- | --- | --- | --- |", strings.Repeat(" --- |", min(1, len(peer))), "\n")
	for _, a := range zoo {
		original, output := filepath.Join(in, a.Name), filepath.Join(out, a.Name)
		said, psnr := reasonFor(errs, a.Name), ""
		if a.Partial {
			output = suffixed(output, "partial")
		}
		_, err := os.Stat(output)
		switch {
		case a.Refused != "":
			if err == nil || !strings.Contains(said, a.Refused) {
				t.Errorf("%s: refused with %q, want %q; output: %v", a.Name, said, a.Refused, err)
			}
			said = "refused: " + said
		case err != nil:
			t.Errorf("%s: no output: %s", a.Name, said)
		default:
			c, err := av.Compare(context.Background(), original, output, av.CompareOptions{})
			if err != nil {
				t.Errorf("%s: %v", a.Name, err)
				continue
			}
			if !c.Clean() {
				t.Errorf("%s: %+v", a.Name, c.Findings)
			}
			said, psnr = account(c), decibelCell(c)
			if a.Partial {
				said += "; named `.partial`, exit 1"
			}
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |", a.Name, a.What, said, psnr)
		if peer != "" {
			fmt.Fprintf(&table, " %s |", throughPeer(peer, original, filepath.Join(dir, "deface-"+a.Name)))
		}
		fmt.Fprintln(&table)
	}
	t.Logf("\n%s", table.String())
	noLeftovers(t, out)
	if *updateFormats && *onlyFiles == "" {
		putTable(t, filepath.Join("..", "docs", "formats.md"), table.String())
	}
}

// reasonFor finds the error line of a file in what a run over several says.
func reasonFor(errs, name string) string {
	for _, l := range strings.Split(errs, "\n") {
		if _, why, ok := strings.Cut(l, string(filepath.Separator)+name+": "); ok && strings.HasPrefix(l, "error: ") {
			return strings.TrimPrefix(why, name+": ")
		}
	}
	return ""
}

// account is a comparison in a cell.
func account(c *av.Comparison) string {
	var lost, notes []string
	for _, f := range c.Findings {
		if f.Expected && f.What == "tag comment" { // the disclosure, in every output of ours
			continue
		}
		s := f.What
		if f.Was != "" || f.Is != "" {
			s += " " + orNothing(f.Was) + " → " + orNothing(f.Is)
		}
		if f.What == "left out" {
			s = "stream " + f.Was + " left out"
		}
		s = strings.ReplaceAll(s, "|", "/")
		if f.Expected {
			notes = append(notes, s)
		} else {
			lost = append(lost, s)
		}
	}
	others := 0
	for _, s := range c.Streams {
		if s.Same {
			others++
		}
	}
	kept := fmt.Sprintf("%d pictures", c.Video.Frames[1])
	if others > 0 {
		kept += fmt.Sprintf(", %d other streams bit-exact", others)
	}
	kept = strings.Replace(kept, "1 other streams", "1 other stream", 1)
	if len(lost) > 0 {
		return "**differs**: " + strings.Join(lost, "; ")
	}
	if len(notes) > 0 {
		kept += " (" + strings.Join(notes, "; ") + ")"
	}
	return "clean: " + kept
}

func decibelCell(c *av.Comparison) string {
	p := c.Video.Outside.PSNR()
	switch {
	case !c.Video.Pixels:
		return "–"
	case math.IsInf(p, 1):
		return "exact"
	}
	return fmt.Sprintf("%.1f", p)
}

var spaces = regexp.MustCompile(`\s+`)

// throughPeer runs deface with its own defaults and compares its output.
func throughPeer(tool, original, output string) string {
	cmd := exec.Command(tool, "--keep-audio", "--scale", "640x360", "-o", output, original)
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	runErr := cmd.Run()
	code := fmt.Sprintf("exit %d", cmd.ProcessState.ExitCode())
	if fi, err := os.Stat(output); err != nil || fi.Size() == 0 {
		lines := slices.DeleteFunc(strings.Split(b.String(), "\n"), func(l string) bool { return strings.TrimSpace(l) == "" })
		last := ""
		if runErr != nil && len(lines) > 0 {
			last = ": " + strings.TrimSpace(spaces.ReplaceAllString(lines[len(lines)-1], " "))
		}
		return code + ", no output" + strings.ReplaceAll(strings.ReplaceAll(last, original, filepath.Base(original)), "|", "/")
	}
	c, err := av.Compare(context.Background(), original, output, av.CompareOptions{})
	if err != nil {
		return code + ", output cannot be compared: " + err.Error()
	}
	psnr := ""
	if c.Video.Pixels {
		psnr = ", " + decibelCell(c) + " dB"
	}
	return code + psnr + ", " + account(c)
}

// putTable replaces the table between the marks of a document.
func putTable(t *testing.T, path, table string) {
	t.Helper()
	const begin, end = "<!-- made by make zoo -->\n", "<!-- end -->"
	s := string(read(t, path))
	head, rest, ok := strings.Cut(s, begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no marks for the table", path)
	}
	if err := os.WriteFile(path, []byte(head+begin+table+end+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}
