package analyze

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the table in docs/rules.md, and the golden parts of testdata/flow/*.txtar")

// rulesPage documents the rules; what follows its last heading is made from
// the table.
const (
	rulesPage    = "../../docs/rules.md"
	tableHeading = "\n## The table\n"
)

func TestRulesAreDocumented(t *testing.T) {
	data, err := os.ReadFile(rulesPage)
	if err != nil {
		t.Fatal(err)
	}
	text, _, ok := strings.Cut(string(data), tableHeading)
	if !ok {
		t.Fatalf("%s has no heading %q", rulesPage, tableHeading)
	}
	want := text + tableHeading + tableText(table)
	if want == string(data) {
		return
	}
	if !*update {
		t.Fatalf("%s is not what the table says: go test ./analyze -run Documented -update rewrites it", rulesPage)
	}
	if err := os.WriteFile(rulesPage, []byte(want), 0o666); err != nil {
		t.Fatal(err)
	}
}

func tableText(table []section) string {
	var out strings.Builder
	for _, s := range table {
		fmt.Fprintf(&out, "\n### %s\n\n", s.title)
		if s.buffered {
			out.WriteString("A loop of these calls alone is no loop that is watched.\n\n")
		}
		out.WriteString("| receiver or package | functions | a wait there is |\n| --- | --- | --- |\n")
		for _, r := range s.rules {
			fmt.Fprintf(&out, "| `%s` | %s | %s |\n", r.recv, strings.Join(strings.Fields(r.names), " "), r.wait)
		}
	}
	return out.String()
}
