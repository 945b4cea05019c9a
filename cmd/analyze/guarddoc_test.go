package analyze

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const guardsPage = "../../docs/guards.md"

func TestGuardsAreDocumented(t *testing.T) {
	data, err := os.ReadFile(guardsPage)
	if err != nil {
		t.Fatal(err)
	}
	text, _, ok := strings.Cut(string(data), tableHeading)
	if !ok {
		t.Fatalf("%s has no heading %q", guardsPage, tableHeading)
	}
	want := text + tableHeading + guardsText()
	if want == string(data) {
		return
	}
	if !*update {
		t.Fatalf("%s is not what the table says: go test ./analyze -run Documented -update rewrites it", guardsPage)
	}
	if err := os.WriteFile(guardsPage, []byte(want), 0o666); err != nil {
		t.Fatal(err)
	}
}

func guardsText() string {
	var out strings.Builder
	out.WriteString("\n| a guard of a | is around | its panic ends |\n| --- | --- | --- |\n")
	for _, r := range guardRules {
		fmt.Fprintf(&out, "| %s | %s | %s |\n", r.name, r.what, r.how)
	}
	out.WriteString("\nThese have none, whatever they look like:\n\n| what | because |\n| --- | --- |\n")
	for _, u := range unguardeds {
		fmt.Fprintf(&out, "| %s | %s |\n", u.when, u.why)
	}
	return out.String()
}
