package ffcli

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"
)

// planDuels pairs originals with outputs.
func planDuels(c *cli.Context) ([]duel, error) {
	if dir := c.String("dataset"); dir != "" {
		if c.NArg() > 0 || c.IsSet("decisions") {
			return nil, usage("--dataset names the files; leave out the arguments and --decisions")
		}
		return readDataset(dir)
	}
	if c.NArg() != 2 {
		return nil, usage("an original and its output, please: ksamenet attack ORIGINAL OUTPUT")
	}
	a, b := c.Args().Get(0), c.Args().Get(1)
	if isDir(a) != isDir(b) {
		return nil, usage("two files or two folders, please: %s and %s", a, b)
	}
	if !isDir(a) {
		return []duel{{original: a, output: b, decisions: c.String("decisions")}}, nil
	}
	return pairFolders(a, b, c.String("decisions"))
}

// pairFolders pairs files of equal names; a decision list has the original's name with .json behind or instead of its
// extension.
func pairFolders(originals, outputs, lists string) ([]duel, error) {
	entries, err := os.ReadDir(originals)
	if err != nil {
		return nil, usage("%w", err)
	}
	var duels []duel
	for _, e := range entries {
		d := duel{original: filepath.Join(originals, e.Name()), output: filepath.Join(outputs, e.Name())}
		if st, err := os.Stat(d.output); e.IsDir() || err != nil || st.IsDir() {
			continue
		}
		if lists != "" {
			base := e.Name()[:len(e.Name())-len(filepath.Ext(e.Name()))]
			for _, name := range []string{e.Name() + ".json", base + ".json"} {
				if _, err := os.Stat(filepath.Join(lists, name)); err == nil {
					d.decisions = filepath.Join(lists, name)
				}
			}
			if d.decisions == "" {
				return nil, usage("%s has no decision list for %s; make it: ksamenet analyze %s -o %s", lists, e.Name(), d.original, filepath.Join(lists, base+".json"))
			}
		}
		duels = append(duels, d)
	}
	if len(duels) == 0 {
		return nil, usage("no file of %s has its output in %s; they go by equal names", originals, outputs)
	}
	return duels, nil
}

// datasetFile describes a data set; docs/attack.md says how.
const datasetFile = "pairs.csv"

// readDataset reads DIR/pairs.csv: original,output and, if given, person, session, decisions. Paths are relative to DIR.
func readDataset(dir string) ([]duel, error) {
	path := filepath.Join(dir, datasetFile)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &exitError{code: exitUsage, err: fmt.Errorf("%s is missing", path), hints: []string{"its first line: original,output,person,session,decisions; docs/attack.md has an example"}}
	}
	if err != nil {
		return nil, usage("%w", err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	head, err := r.Read()
	if err != nil {
		return nil, usage("%s: %w", path, err)
	}
	known := []string{"original", "output", "person", "session", "decisions"}
	for _, name := range head {
		if !slices.Contains(known, name) {
			return nil, usage("%s: column %q is not known; there are %v", path, name, known)
		}
	}
	var duels []duel
	var sessions []string
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, usage("%s: %w", path, err)
		}
		cell := func(name string) string {
			if i := slices.Index(head, name); i >= 0 {
				return row[i]
			}
			return ""
		}
		d := duel{original: cell("original"), output: cell("output"), person: cell("person"), session: cell("session"), decisions: cell("decisions")}
		if d.original == "" || d.output == "" {
			return nil, usage("%s: line %d has no original or no output", path, len(duels)+2)
		}
		for _, p := range []*string{&d.original, &d.output, &d.decisions} {
			if *p != "" && !filepath.IsAbs(*p) {
				*p = filepath.Join(dir, *p)
			}
		}
		if !slices.Contains(sessions, d.session) {
			sessions = append(sessions, d.session)
		}
		duels = append(duels, d)
	}
	switch {
	case len(duels) == 0:
		return nil, usage("%s names no pair", path)
	case len(sessions) > 2:
		return nil, usage("%s has %d sessions; one, or two: the first is the gallery, the second the probe", path, len(sessions))
	}
	return duels, nil
}
