// Command ksame-audit says whether a report of ksamenet holds, for somebody who has the report and the exported ledger and
// trusts neither the operator nor the program that wrote them (docs/audit.md). It needs no registry, key, network or picture.
package main

import "os"

func main() { os.Exit(Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
