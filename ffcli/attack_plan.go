package ffcli

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/ksamenet/ksamenet/core/attack"
)

// planDuels pairs originals with outputs.
func planDuels(c *cli.Context) ([]duel, error) {
	if dir := c.String("dataset"); dir != "" {
		if c.NArg() > 0 || c.IsSet("decisions") {
			return nil, usage("--dataset names the files; leave out the arguments and --decisions")
		}
		return readDataset(dir, true)
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

// readDataset reads DIR/pairs.csv: original, output (not of a sweep) and, if given, person, session, expression, decisions.
// Paths are relative to DIR.
func readDataset(dir string, outputs bool) ([]duel, error) {
	path := filepath.Join(dir, datasetFile)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &exitError{code: exitUsage, err: fmt.Errorf("%s is missing", path), hints: []string{"its first line: original,output,person,session,expression,decisions; docs/attack.md has an example"}}
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
	known := []string{"original", "output", "person", "session", "expression", "decisions"}
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
		d := duel{original: cell("original"), output: cell("output"), person: cell("person"), session: cell("session"), expression: cell("expression"), decisions: cell("decisions")}
		if d.original == "" || outputs && d.output == "" {
			return nil, usage("%s: line %d has no original or no output", path, len(duels)+2)
		}
		if d.expression != "" && !slices.Contains(attack.Classes, d.expression) {
			return nil, usage("%s: line %d: expression %q; there are %v", path, len(duels)+2, d.expression, attack.Classes)
		}
		for _, p := range []*string{&d.original, &d.output, &d.decisions} {
			if *p != "" && !filepath.IsAbs(*p) {
				*p = filepath.Join(dir, *p)
			}
		}
		if !slices.Contains(sessions, d.session) && (outputs || d.session != "") {
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

// planSweep finds the originals of a sweep: a data set, or files and folders of them.
func planSweep(c *cli.Context) ([]*recording, error) {
	var out []*recording
	if dir := c.String("dataset"); dir != "" {
		if c.NArg() > 0 || c.IsSet("decisions") {
			return nil, usage("--dataset names the files; leave out the arguments and --decisions")
		}
		duels, err := readDataset(dir, false)
		if err != nil {
			return nil, err
		}
		var sessions []string
		for _, d := range duels {
			if d.session != "" && !slices.Contains(sessions, d.session) {
				sessions = append(sessions, d.session)
			}
		}
		for _, d := range duels {
			r := &recording{path: d.original, person: d.person, expression: d.expression, role: -1}
			if d.session != "" && len(sessions) == 2 {
				if r.role = slices.Index(sessions, d.session); r.person == "" {
					return nil, usage("%s: %s has a session and no person; sessions are compared by who is in them", filepath.Join(dir, datasetFile), r.path)
				}
			}
			out = append(out, r)
		}
		return out, nil
	}
	if c.IsSet("decisions") {
		return nil, usage("--decisions is for originals with outputs; with --k originals are analysed anew")
	}
	if c.NArg() == 0 {
		return nil, usage("originals, please: ksamenet attack --k %s ORIGINAL…", c.String("k"))
	}
	for _, path := range c.Args().Slice() {
		if !isDir(path) {
			if _, err := os.Stat(path); err != nil {
				return nil, usage("%w", err)
			}
			out = append(out, &recording{path: path, role: -1})
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, usage("%w", err)
		}
		for _, e := range entries {
			if e.Type().IsRegular() && e.Name()[0] != '.' {
				out = append(out, &recording{path: filepath.Join(path, e.Name()), role: -1})
			}
		}
	}
	if len(out) == 0 {
		return nil, usage("no file in %v", c.Args().Slice())
	}
	return out, nil
}

// foldsOf draws the people of each fold: all of them, or n without repetition.
func foldsOf(people []string, folds, n int, seed uint64) ([][]string, error) {
	n = cmp.Or(n, len(people))
	if folds < 1 || n < 2 || n > len(people) {
		return nil, usage("%d folds of %d people; there are %d with usable faces in both sessions", folds, n, len(people))
	}
	if seed == 0 {
		seed = rand.Uint64()
	}
	var out [][]string
	for i := range folds {
		draw := slices.Clone(people)
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		r.Shuffle(len(draw), func(a, b int) { draw[a], draw[b] = draw[b], draw[a] })
		draw = draw[:n]
		slices.Sort(draw)
		out = append(out, draw)
	}
	return out, nil
}
