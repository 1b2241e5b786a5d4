// Command ksamenet replaces every face in a video with a synthetic surrogate.
package main

import (
	"os"

	"github.com/ksamenet/ksamenet/ffcli"
)

func main() { os.Exit(ffcli.Main(os.Args, os.Stdin, os.Stdout, os.Stderr)) }
