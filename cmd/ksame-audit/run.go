package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// version is set by the build (-ldflags -X).
var version = "0.1.0-dev"

// Exit codes.
const (
	exitValid   = 0 // every check holds
	exitInvalid = 1
	exitUsage   = 2 // also a file that cannot be read: nothing was judged
)

const usageText = `usage: ksame-audit [--models LIST] REPORT LEDGER [OUTPUT]

REPORT  the JSON report of a run of ksamenet
LEDGER  the ledger, exported after the run: ksamenet registry export
OUTPUT  the video that the report is about; its content is compared with the report and the ledger
LIST    networks that you trust, a line each: SHA-256, two spaces, name (ksamenet models sums)

One of REPORT and LEDGER may be - (standard input). Exit code: 0 all holds, 1 something does not, 2 usage.
`

// maxReport is the largest report read, in bytes. Every track of a film may have its spans of covered frames: a megabyte is
// common, a hundred are not.
const maxReport = 128 << 20

// Run is the command with its arguments (without the program's name). It returns the exit code.
func Run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("ksame-audit", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	showVersion := flags.Bool("version", false, "")
	networks := flags.String("models", "", "")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return printed(stdout, usageText)
	case err != nil:
		fmt.Fprintf(stderr, "error: %v\n%s", err, usageText)
		return exitUsage
	case *showVersion:
		return printed(stdout, "ksame-audit "+version+"\n")
	case flags.NArg() < 2 || flags.NArg() > 3:
		fmt.Fprintf(stderr, "error: %d arguments, want two or three\n%s", flags.NArg(), usageText)
		return exitUsage
	case flags.Arg(0) == "-" && flags.Arg(1) == "-":
		fmt.Fprintf(stderr, "error: report and ledger cannot both be standard input\n")
		return exitUsage
	}
	ev, err := gather(flags.Args(), stdin)
	if err == nil && *networks != "" {
		ev.networks, err = readNetworks(*networks)
	}
	if err != nil {
		fmt.Fprintf(stderr, "error: %v\n", err)
		return exitUsage
	}
	var text bytes.Buffer
	valid := newAudit(ev).print(&text)
	if _, err := stdout.Write(text.Bytes()); err != nil {
		fmt.Fprintf(stderr, "error: %v\n", err)
		return exitInvalid // a verdict that nobody could read is none
	}
	if !valid {
		return exitInvalid
	}
	return exitValid
}

func printed(w io.Writer, text string) int {
	if _, err := io.WriteString(w, text); err != nil {
		return exitInvalid
	}
	return exitValid
}

// evidence is what an audit judges.
type evidence struct {
	report, ledger []byte
	output         string            // SHA-256 of the output, hex; empty: not given
	networks       map[string]string // trusted SHA-256 by name; nil: not given
}

func gather(paths []string, stdin io.Reader) (ev evidence, err error) {
	if ev.report, err = readAll(paths[0], stdin, maxReport); err != nil {
		return ev, fmt.Errorf("report: %w", err)
	}
	if ev.ledger, err = readAll(paths[1], stdin, 0); err != nil {
		return ev, fmt.Errorf("ledger: %w", err)
	}
	if len(paths) == 3 {
		if ev.output, err = digestOf(paths[2]); err != nil {
			return ev, fmt.Errorf("output: %w", err)
		}
	}
	return ev, nil
}

// readNetworks reads a list in the form of sha256sum.
func readNetworks(path string) (map[string]string, error) {
	b, err := readAll(path, nil, maxReport)
	if err != nil {
		return nil, fmt.Errorf("networks: %w", err)
	}
	list := map[string]string{}
	for i, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\r"), "  ")
		if !ok || name == "" || !isDigest(sum) || list[name] != "" {
			return nil, fmt.Errorf("networks: %s, line %d: want SHA-256, two spaces and a name, each name once", path, i+1)
		}
		list[name] = sum
	}
	return list, nil
}

// readAll reads a file, or standard input for "-". limit is in bytes, 0 for none.
func readAll(path string, stdin io.Reader, limit int64) ([]byte, error) {
	from := stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		from = f
	}
	if limit > 0 {
		from = io.LimitReader(from, limit+1)
	}
	b, err := io.ReadAll(from)
	if err == nil && limit > 0 && int64(len(b)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return b, err
}

func digestOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
