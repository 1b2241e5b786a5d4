package ffcli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/ksamenet/ksamenet/ffcli/internal/av"
)

// plan is what a command line asks to be redacted.
type plan struct {
	jobs  []job
	batch bool     // several files, or a folder: a log for each, a summary at the end
	other []string // files of the folders that are no videos by their names
}

// videoNames are the extensions that a folder's files are taken by. A file that is named itself is taken by any name.
var videoNames = strings.Fields(".mp4 .m4v .mov .mkv .webm .avi .mxf .ts .m2ts .mts .mpg .mpeg .vob .flv .f4v .3gp .3g2 .ogv .nut .dv .gxf .h264 .264 .h265 .hevc .265 .ivf .wmv")

// planJobs pairs inputs with outputs: a file with the output or with its name in the output folder, a folder's files with
// their places in it.
func planJobs(c *cli.Context) (p plan, err error) {
	out, dir := c.String("output"), c.String("output-dir")
	switch {
	case c.NArg() == 0:
		return p, usage("no input; ksamenet redact INPUT -o OUTPUT")
	case out == "" && dir == "":
		return p, usage("no output; say -o OUTPUT, or --output-dir DIR")
	case out != "" && dir != "":
		return p, usage("-o and --output-dir exclude each other")
	case c.Int("jobs") < 1:
		return p, usage("jobs is %d; 1 or more", c.Int("jobs"))
	}
	if st, err := os.Stat(out); dir == "" && err == nil && st.IsDir() {
		dir = out
	}
	p.batch = c.NArg() > 1
	seen := map[string]string{} // who writes a file
	take := func(in, place string) error {
		j := job{input: in, output: out}
		if dir != "" {
			j.output = filepath.Join(dir, place)
		}
		j.report = reportPath(c, j.output)
		for _, path := range []string{j.output, j.report, j.page()} {
			if first, ok := seen[path]; ok {
				return usage("%s and %s would both become %s; run them apart, into other folders", first, in, path)
			}
			seen[path] = in
		}
		p.jobs = append(p.jobs, j)
		return nil
	}
	for _, in := range c.Args().Slice() {
		if st, err := os.Stat(in); err != nil || !st.IsDir() { // what is missing is told of when it is opened
			if err := take(in, filepath.Base(in)); err != nil {
				return p, err
			}
			continue
		}
		p.batch = true
		files, other, err := videosIn(in, dir)
		if err != nil {
			return p, err
		}
		p.other = append(p.other, other...)
		for _, f := range files {
			if err := take(filepath.Join(in, f), f); err != nil {
				return p, err
			}
		}
	}
	switch {
	case len(p.jobs) == 0:
		return p, usage("no video in %s", strings.Join(c.Args().Slice(), ", "))
	case p.batch && dir == "":
		return p, usage("%d inputs need a folder: -o DIR that exists, or --output-dir DIR; %q is none", len(p.jobs), out)
	case p.batch && c.IsSet("report"):
		return p, usage("--report names one file; leave it out for several inputs")
	case p.batch && c.IsSet("write-decisions"):
		return p, usage("--write-decisions names one file; leave it out for several inputs")
	}
	p.placeLogs(dir, c.String("log-dir"))
	return p, nil
}

// placeLogs puts each log beside its output, or at the same place in the folder for logs. A single file has one only there.
func (p *plan) placeLogs(dir, logs string) {
	for i := range p.jobs {
		j := &p.jobs[i]
		switch rel, err := filepath.Rel(dir, j.output); {
		case logs == "" && p.batch:
			j.log = j.output + ".log"
		case logs != "" && dir != "" && err == nil:
			j.log = filepath.Join(logs, rel) + ".log"
		case logs != "":
			j.log = filepath.Join(logs, filepath.Base(j.output)) + ".log"
		}
	}
}

// videosIn lists the videos below a folder, and the other files, by their places in it, sorted. Hidden ones and links to
// folders are left alone, and so is the output folder.
func videosIn(root, out string) (videos, other []string, err error) {
	outInfo, _ := os.Stat(out) // nil when it is still to be made
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == root {
			return nil
		}
		if strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			if info, err := d.Info(); err == nil && outInfo != nil && os.SameFile(info, outInfo) {
				return fs.SkipDir
			}
			return nil
		}
		if st, err := os.Stat(path); err == nil && st.IsDir() { // a link
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if slices.Contains(videoNames, strings.ToLower(filepath.Ext(path))) {
			videos = append(videos, rel)
		} else {
			other = append(other, filepath.Join(root, rel))
		}
		return nil
	})
	slices.Sort(videos)
	return videos, other, err
}

// prepare does what can be refused at once for all files together, before any is opened: names, folders, room. Folders are
// made here. What may be finished already is looked at later, file by file.
func prepare(c *cli.Context, p plan) error {
	overwrite, resume := c.Bool("overwrite"), c.Bool("resume")
	var faults []error
	var bytes int64
	made := map[string]bool{}
	for i := range p.jobs {
		j := &p.jobs[i]
		for _, path := range []string{j.output, j.report, j.log} {
			if path == "" || made[filepath.Dir(path)] {
				continue
			}
			made[filepath.Dir(path)] = true
			if err := writable(filepath.Dir(path), p.batch || c.IsSet("output-dir") || path == j.log); err != nil {
				return err
			}
		}
		if err := av.CheckOutput(j.input, j.output, overwrite || resume); err != nil {
			faults = append(faults, err)
		}
		if st, err := os.Stat(j.input); err == nil {
			bytes += st.Size()
		}
	}
	if len(faults) > 0 {
		e := &exitError{code: exitUsage, err: errors.Join(faults...)}
		if errors.Is(e.err, av.ErrExists) {
			e.hints = []string{"say --overwrite, or --resume to skip what is done, or another folder"}
		}
		return e
	}
	if c.Bool("no-space-check") || resume { // what is done needs no more room; each file looks for its own
		return nil
	}
	return roomOn(filepath.Dir(p.jobs[0].output), bytes)
}

// writable makes sure that a folder is there, making it if asked, and that files can be made in it.
func writable(dir string, make bool) error {
	if make {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return withHint(fmt.Errorf("%s cannot be made: %w", dir, err), "name another folder")
		}
	}
	f, err := os.CreateTemp(dir, ".ksamenet-*.part")
	if err != nil {
		return withHint(fmt.Errorf("nothing can be written to %s: %w", dir, errors.Unwrap(err)), "name another folder")
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
