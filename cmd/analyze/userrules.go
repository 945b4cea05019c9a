package analyze

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Rules are a user's own rules, which go before those of the table. The zero
// Rules are none.
type Rules struct {
	list []userRule
}

// userRule is a line of a rule file.
type userRule struct {
	verb  verb
	name  string // of a function, as (*types.Func).FullName gives it
	place string // file:line
}

// verb is what a rule says of the calls of a function.
type verb string

// The verbs of rule files and, behind //lifesign:, of directives.
const (
	vulnerable verb = "vulnerable" // it can block, and is work
	idle       verb = "idle"       // it can block, and is a wait for work
	ignore     verb = "ignore"     // it is not to be watched
)

const verbs = "vulnerable, idle or ignore"

// String lists the rules, a line each, with their places.
func (r Rules) String() string {
	var b strings.Builder
	for _, u := range r.list {
		fmt.Fprintf(&b, "%s %s %s\n", u.verb, u.name, u.place)
	}
	return b.String()
}

// ParseRules parses a rule file. path is only used to name places in errors.
//
// A rule is a line: a verb, blanks, and the name of a function or method as
// stacks and go doc have it, with the whole import path:
//
//	# what our driver waits for
//	vulnerable (*example.com/db.Conn).Query
//	vulnerable example.com/db.Open
//	idle       (example.com/queue.Consumer).Next
//	ignore     (*os.File).Close
//
// What follows a # is a comment. A method of an interface is meant by the
// interface's name, and matches calls through it.
func ParseRules(path, text string) (Rules, error) {
	var rules Rules
	seen := make(map[string]string)
	for i, line := range strings.Split(text, "\n") {
		place := fmt.Sprintf("%s:%d", path, i+1)
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if len(words) != 2 {
			return Rules{}, fmt.Errorf("%s: %s on the line: a rule is a verb (%s) and one function", place, count(len(words), "word"), verbs)
		}
		r := userRule{verb(words[0]), words[1], place}
		switch r.verb {
		case vulnerable, idle, ignore:
		default:
			return Rules{}, fmt.Errorf("%s: %q is no verb: use %s", place, words[0], verbs)
		}
		if why := notFunction(r.name); why != "" {
			return Rules{}, fmt.Errorf("%s: %q %s: write example.com/db.Open or (*example.com/db.Conn).Query", place, r.name, why)
		}
		if before := seen[r.name]; before != "" {
			return Rules{}, fmt.Errorf("%s: there is a rule for %s at %s already: keep one", place, r.name, before)
		}
		seen[r.name] = place
		rules.list = append(rules.list, r)
	}
	return rules, nil
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// notFunction says why name is not the full name of a function, "" if it is.
func notFunction(name string) string {
	if !utf8.ValidString(name) {
		return "is not UTF-8"
	}
	typ, method := "", name
	if strings.HasPrefix(name, "(") {
		end := strings.LastIndex(name, ").")
		if end < 0 {
			return "is no method: its receiver has no closing parenthesis and dot"
		}
		typ, method = strings.TrimPrefix(name[1:end], "*"), name[end+2:]
		if !isQualified(typ) {
			return "has no receiver with its import path"
		}
		if !isIdentifier(method) {
			return "names no method"
		}
		return ""
	}
	if !isQualified(method) {
		return "is no function with its import path"
	}
	return ""
}

// isQualified reports whether s is an import path, a dot and a name.
func isQualified(s string) bool {
	dot := strings.LastIndexByte(s, '.')
	return dot > 0 && dot > strings.LastIndexByte(s, '/')+1 && isIdentifier(s[dot+1:]) && !strings.ContainsAny(s, "()*\"'`")
}

func isIdentifier(s string) bool {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			return false
		}
	}
	return s != ""
}
