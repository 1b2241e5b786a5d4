// Command bench measures the program as a user runs it, and writes each table that it makes into docs/performance.md. Run
// it by `make bench`, `make bench-plain`, `make bench-memory` and `make bench-deface`, on a quiet machine.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// setup is what every measurement needs.
type setup struct {
	program string
	sample  string
	clips   string
	deface  string
	seconds int
	minutes int
	sweep   string
	dir     string // for files, removed at the end
}

var measurements = map[string]func(setup) (string, error){
	"stages": stageTable, "plain": plainTable, "memory": memoryTable, "deface": defaceTable,
	"attack": attackTable, "expressions": expressionText, // of a sweep that was run
}

func main() {
	var s setup
	what := flag.String("what", "stages", "stages, plain, memory, deface, attack or expressions")
	flag.StringVar(&s.program, "program", "bin/ksamenet", "the program to measure")
	flag.StringVar(&s.sample, "sample", "examples/sample/sample.mp4", "the sample clip")
	flag.StringVar(&s.clips, "clips", "", "folder of clips with people, for deface")
	flag.StringVar(&s.deface, "deface", "deface", "the deface program")
	flag.StringVar(&s.sweep, "sweep", "out/attack-example.json", "document of a sweep, for attack and expressions")
	flag.IntVar(&s.seconds, "seconds", 12, "length of the clips of stages and plain")
	flag.IntVar(&s.minutes, "minutes", 60, "length of the long film of memory")
	doc := flag.String("doc", "docs/performance.md", "document whose table is replaced; empty: print only")
	flag.Parse()
	if err := run(*what, *doc, s); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(what, doc string, s setup) (err error) {
	measure := measurements[what]
	if measure == nil {
		return fmt.Errorf("nothing called %q is measured", what)
	}
	if s.program, err = filepath.Abs(s.program); err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp("", "ksamenet-bench"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	table, err := measure(s)
	if err != nil {
		return err
	}
	fmt.Print(table)
	if doc == "" {
		return nil
	}
	old, err := os.ReadFile(doc)
	if err != nil {
		return err
	}
	text, err := replaced(string(old), what, table)
	if err != nil {
		return fmt.Errorf("%s: %w", doc, err)
	}
	return os.WriteFile(doc, []byte(text), 0o644)
}
