// Package docstest keeps settings and documents equal: what pipeline.Config can be told, the command line and the element
// offer under the same name, and docs/cli.md explains.
package docstest

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/ksamenet/ksamenet/core/pipeline"
	"github.com/ksamenet/ksamenet/core/report"
	"github.com/ksamenet/ksamenet/ffcli"
)

// settings are the names of pipeline.Config's fields as users see them.
func settings(t *testing.T) []string {
	t.Helper()
	var names []string
	c := reflect.TypeFor[pipeline.Config]()
	for i := range c.NumField() {
		if tag := c.Field(i).Tag.Get("json"); tag != "-" {
			names = append(names, strings.ReplaceAll(tag, "_", "-"))
		}
	}
	if len(names) < 5 {
		t.Fatalf("settings %v", names)
	}
	return names
}

func text(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(append([]string{"..", ".."}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func help(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := ffcli.Run(context.Background(), append([]string{"ksamenet"}, args...), nil, &out, &errs); code != 0 {
		t.Fatalf("%v: exit %d: %s", args, code, errs.String())
	}
	return out.String()
}

func TestEverySettingIsAFlagAndExplained(t *testing.T) {
	usage, doc := help(t, "redact", "--help"), text(t, "docs", "cli.md")
	for _, n := range settings(t) {
		if onlyInStreams[n] {
			continue
		}
		if !strings.Contains(usage, "--"+n) {
			t.Errorf("ksamenet redact has no flag --%s", n)
		}
		if !strings.Contains(doc, "`--"+n) {
			t.Errorf("docs/cli.md does not explain --%s", n)
		}
	}
}

// Settings that only make sense with the whole file at hand, or that name people of one file's cast.
var notInStreams = map[string]bool{"extend": true, "keep": true, "cover": true, "mode": true, "rekey": true}

// Settings of a stream: a file is looked at twice, and has the time for every face.
var onlyInStreams = map[string]bool{"lookahead": true, "detect-interval": true, "detail": true, "max-faces": true, "min-face-size": true}

func TestEverySettingIsAProperty(t *testing.T) {
	code, doc := text(t, "gstplugin", "element", "properties.go"), text(t, "docs", "element.md")
	for _, n := range settings(t) {
		if notInStreams[n] {
			continue
		}
		if !strings.Contains(code, `"`+n+`"`) {
			t.Errorf("the element has no property %s", n)
		}
		if !strings.Contains(doc, "`"+n+"`") {
			t.Errorf("docs/element.md does not explain %s", n)
		}
	}
}

func TestEveryFlagIsExplained(t *testing.T) {
	flag := regexp.MustCompile(`(?m)^   --([a-z-]+)`)
	doc := text(t, "docs", "cli.md")
	for _, m := range flag.FindAllStringSubmatch(help(t, "redact", "--help"), -1) {
		if m[1] != "help" && !strings.Contains(doc, "`--"+m[1]) {
			t.Errorf("docs/cli.md does not explain --%s", m[1])
		}
	}
}

// The claim is one sentence, the same wherever it is made.
func TestTheClaimIsOneSentence(t *testing.T) {
	plain := func(text string) string {
		return strings.Join(strings.Fields(strings.ReplaceAll(text, "\n>", " ")), " ")
	}
	for name, said := range map[string]string{
		"README.md": text(t, "README.md"), "docs/guarantee.md": text(t, "docs", "guarantee.md"), "ksamenet --help": help(t, "--help"),
	} {
		if !strings.Contains(plain(said), report.ClaimSentence) {
			t.Errorf("%s does not quote the claim: %s", name, report.ClaimSentence)
		}
	}
}

// Links between the documents lead somewhere.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)\)`)
	for _, doc := range []string{"README.md", "docs/guarantee.md", "docs/cli.md", "docs/registry.md", "docs/audit.md", "docs/report-format.md", "docs/ledger-format.md", "docs/element.md", "docs/models.md", "training/README.md"} {
		for _, m := range link.FindAllStringSubmatch(text(t, doc), -1) {
			if _, err := os.Stat(filepath.Join("..", "..", filepath.Dir(doc), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", doc, m[1], err)
			}
		}
	}
}
