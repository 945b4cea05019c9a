package lifesign_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// documents are what a user reads first; each must be there.
var documents = []string{"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "LICENSE"}

func TestDocumentsExist(t *testing.T) {
	for _, name := range documents {
		if len(read(t, name)) == 0 {
			t.Errorf("%s is empty", name)
		}
	}
}

// Every command line of lifesign in a document names a subcommand and flags
// that the command has.
func TestDocumentedCommandsExist(t *testing.T) {
	tool := filepath.Join(t.TempDir(), "lifesign")
	goCommand(t, nil, "build", "-o", tool, module+"/cmd/lifesign")
	if err := exec.Command(tool, "nosuchcommand", "-h").Run(); err == nil {
		t.Fatal("lifesign nosuchcommand -h succeeds: the test cannot tell a subcommand from a slip")
	}
	help := map[string]string{}
	for _, name := range documents {
		for _, c := range commandLines(string(read(t, name))) {
			text, known := help[c.sub]
			if !known {
				out, err := exec.Command(tool, c.sub, "-h").CombinedOutput()
				if err != nil {
					t.Errorf("%s: lifesign %s -h: %v\n%s", name, c.sub, err, out)
				}
				text = string(out)
				help[c.sub] = text
			}
			for _, flag := range documentedFlags(c, text) {
				if !hasFlag(text, flag) {
					t.Errorf("%s: %q: lifesign %s has no flag -%s", name, c.line, c.sub, flag)
				}
			}
		}
	}
	if len(help) == 0 {
		t.Error("no document shows a command line of lifesign")
	}
}

// Every target of make in a document exists.
func TestDocumentedTargetsExist(t *testing.T) {
	makefile := string(read(t, "Makefile"))
	invoked := regexp.MustCompile("(?m)(?:^\\s*(?:\\$ )?|`)make ([a-z][a-z0-9-]*)")
	for _, name := range documents {
		for _, m := range invoked.FindAllStringSubmatch(string(read(t, name)), -1) {
			if !regexp.MustCompile(`(?m)^` + m[1] + `:`).MatchString(makefile) {
				t.Errorf("%s names make %s, which the Makefile does not have", name, m[1])
			}
		}
	}
}

// commandLine is an invocation of lifesign shown in a document.
type commandLine struct {
	line string
	sub  string
	args []string
}

// commandLines finds invocations in code blocks and code spans: lifesign, or a
// path that ends in it, followed by a subcommand.
func commandLines(text string) []commandLine {
	invoked := regexp.MustCompile("(?m)(?:^\\s*(?:\\$ |# )?|`|&& |; )((?:[\\w./-]*/)?lifesign ([a-z][a-z-]*)\\b([^`\\n|;&]*))")
	var found []commandLine
	for _, block := range codeParts(text) {
		block = strings.ReplaceAll(block, "\\\n", " ")
		for _, m := range invoked.FindAllStringSubmatch(block, -1) {
			found = append(found, commandLine{line: strings.TrimSpace(m[1]), sub: m[2], args: strings.Fields(m[3])})
		}
	}
	return found
}

// codeParts returns the fenced blocks and the code spans of a Markdown text,
// the spans with their first quote.
func codeParts(text string) []string {
	var parts []string
	for i, part := range strings.Split(text, "```") {
		if i%2 == 1 {
			_, body := split(part, "\n") // the first line names the language
			parts = append(parts, body)
			continue
		}
		parts = append(parts, regexp.MustCompile("`[^`]+`").FindAllString(part, -1)...)
	}
	return parts
}

// documentedFlags returns the flags of c itself: those before its first
// argument, for what follows belongs to the program that is run.
func documentedFlags(c commandLine, help string) []string {
	var flags []string
	value := false // the flag before takes the next word
	for _, word := range c.args {
		word = strings.Trim(word, "[]()`")
		switch {
		case word == "--":
			return flags
		case strings.HasPrefix(word, "-"):
			flag, given := split(strings.TrimLeft(word, "-"), "=")
			flags = append(flags, flag)
			value = given == "" && !isSwitch(help, flag)
		case value:
			value = false
		default:
			return flags
		}
	}
	return flags
}

func hasFlag(help, flag string) bool {
	return regexp.MustCompile(`(?m)(^|[\s\[(])--?` + regexp.QuoteMeta(flag) + `\b`).MatchString(help)
}

// isSwitch reports whether help shows flag without a value.
func isSwitch(help, flag string) bool {
	return regexp.MustCompile(`(?m)(^|[\s\[(])--?` + regexp.QuoteMeta(flag) + `(\]|\t|  |$)`).MatchString(help)
}

func TestCommandLinesAreFound(t *testing.T) {
	text := "Use `lifesign run PKG`.\n" +
		"```sh\n$ bin/lifesign run -scope \\\n  x/... -fail ./server -p 1\nlifesign build -o out . && lifesign analyze .\nthe lifesign run\n```\n" +
		"lifesign finds it; `lifesign` alone, lifesign run."
	var got []string
	help := "  -scope PATTERN  what\n  -fail\n  -o FILE\n"
	for _, c := range commandLines(text) {
		got = append(got, c.sub+" "+strings.Join(documentedFlags(c, help), ","))
	}
	want := "run |run scope,fail|build o|analyze "
	if got := strings.Join(got, "|"); got != want {
		t.Errorf("found %q, want %q", got, want)
	}
}
