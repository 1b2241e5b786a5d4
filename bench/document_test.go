package main

import "testing"

func TestReplaced(t *testing.T) {
	doc := "# head\n<!-- bench stages -->\nold\n<!-- end of bench stages -->\ntail\n"
	got, err := replaced(doc, "stages", table([][]string{{"a", "b"}, {"1", "2"}}))
	if want := "# head\n<!-- bench stages -->\n| a | b |\n| --- | --- |\n| 1 | 2 |\n<!-- end of bench stages -->\ntail\n"; err != nil || got != want {
		t.Errorf("%v, %q, want %q", err, got, want)
	}
	if _, err := replaced(doc, "plain", ""); err == nil {
		t.Error("a table without a place")
	}
}
