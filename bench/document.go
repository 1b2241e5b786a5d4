package main

import (
	"fmt"
	"strings"
)

// replaced is the document with another text between the marks of a measurement.
func replaced(doc, what, text string) (string, error) {
	begin, end := "<!-- bench "+what+" -->\n", "<!-- end of bench "+what+" -->"
	head, rest, ok := strings.Cut(doc, begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return "", fmt.Errorf("there is no place between %q and %q", strings.TrimSpace(begin), end)
	}
	return head + begin + strings.TrimRight(text, "\n") + "\n" + end + tail, nil
}

// table writes a table in Markdown: the first row is the head.
func table(rows [][]string) string {
	var b strings.Builder
	for i, r := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(r, " | "))
		if i == 0 {
			b.WriteString(strings.Repeat("| --- ", len(r)) + "|\n")
		}
	}
	return b.String()
}
