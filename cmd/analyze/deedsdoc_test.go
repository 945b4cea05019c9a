package analyze

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

// mimicsPage documents the deeds; what follows its last heading is made from
// them.
const (
	mimicsPage     = "../../docs/mimics.md"
	mimicsHeading  = "\n## Which operations have one\n"
	mimicsTableTop = "| receiver or package | functions | mimic | it is given |\n| --- | --- | --- | --- |\n"
)

func TestDeedsAreDocumented(t *testing.T) {
	data, err := os.ReadFile(mimicsPage)
	if err != nil {
		t.Fatal(err)
	}
	text, _, ok := strings.Cut(string(data), mimicsHeading)
	if !ok {
		t.Fatalf("%s has no heading %q", mimicsPage, mimicsHeading)
	}
	want := text + mimicsHeading + deedsText()
	if want == string(data) {
		return
	}
	if !*update {
		t.Fatalf("%s is not what the deeds say: go test ./analyze -run Documented -update rewrites it", mimicsPage)
	}
	if err := os.WriteFile(mimicsPage, []byte(want), 0o666); err != nil {
		t.Fatal(err)
	}
}

func deedsText() string {
	var out strings.Builder
	for _, s := range table {
		fmt.Fprintf(&out, "\n### %s\n\n", s.title)
		own := deedsIn(s)
		if len(own) == 0 {
			fmt.Fprintf(&out, "None: %s.\n", s.noMimic)
			continue
		}
		out.WriteString(mimicsTableTop)
		for i, d := range own {
			if i > 0 && d.recv == own[i-1].recv && d.names == own[i-1].names {
				continue // less of the same
			}
			names := strings.Join(strings.Fields(d.names), " ")
			if d.deed == "" {
				fmt.Fprintf(&out, "| `%s` | %s | none | %s |\n", d.recv, names, d.takes)
			} else {
				fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", d.recv, names, d.deed, given(d))
			}
		}
		fmt.Fprintf(&out, "| all others | | none | %s |\n", s.noMimic)
	}
	return out.String()
}

// deedsIn returns the rows of deeds that are about functions of s.
func deedsIn(s section) (own []deedRule) {
	in := indexRules([]section{s})
	for _, d := range deeds {
		if slices.ContainsFunc(strings.Fields(d.names), func(name string) bool { _, ok := in[fullName(d.recv, name)]; return ok }) {
			own = append(own, d)
		}
	}
	return own
}

// given returns the items of a row for people.
func given(d deedRule) string {
	items := strings.Fields(d.takes)
	words := map[string]string{
		"handle": "the file", "fd": "the descriptor, or its file", "mapping": "where it is mapped", "request": "the scheme and the host of its URL", "bytes": "the bytes", "chars": "the bytes",
		"length": "how many bytes", "number": "the offset", "text": "the path", "creates": "`directory` if its flags have O_CREATE",
	}
	switch d.deed {
	case event.DoTruncate:
		words["number"] = "the size"
	case event.DoDial, event.DoHandshake:
		words["text"] = "the address"
	case event.SeeConnection, event.SeeListener, event.SeePool:
		words["handle"] = "the " + string(d.deed)
	}
	switch d.takes {
	case "text:1":
		words["text"] = "the new path"
	case "text:0 text:1":
		if d.deed == event.DoDirectory {
			return "both paths, or one that can be had"
		}
	}
	var out []string
	for i, item := range items {
		kind, _, _ := strings.Cut(item, ":")
		word := words[kind]
		switch {
		case strings.HasPrefix(item, `"`):
			word = "`" + strings.Trim(item, `"`) + "`"
		case len(items) == 1 && d.deed == event.DoDial:
			word = "the URL"
		case len(items) == 2 && i == 0 && kind == "text" && words["text"] == "the address":
			word = "the network"
		}
		out = append(out, word)
	}
	return strings.Join(out, ", ")
}
