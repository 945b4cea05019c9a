package weave

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// A build is made by several go commands: some list and type-check, one
// compiles. What the user gives for the last is sorted here.

// loading are the build flags that change which files a program is made of,
// and so count for listing and loading too. The others would at best be of no
// use there; -cover would give files that cover has already rewritten.
var loading = []string{"race", "msan", "asan", "tags", "mod", "modfile", "modcacherw", "installsuffix", "compiler", "p"}

// goFlag is a flag of the go command.
type goFlag struct{ name, value string }

// parseFlag splits -name=value. A flag without a value is a boolean that is set.
func parseFlag(arg string) goFlag {
	name, value, ok := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	if !ok {
		value = "true"
	}
	return goFlag{name, value}
}

// loadFlags returns those of the build's flags that count for loading.
func loadFlags(flags []string) []string {
	var out []string
	for _, f := range flags {
		if slices.Contains(loading, parseFlag(f).name) {
			out = append(out, f)
		}
	}
	return out
}

// flagValues returns the flags that a go command of the build is given, by
// name: those of the command line over those of GOFLAGS.
func flagValues(env goEnv, cfg Config) map[string]string {
	flags := make(map[string]string)
	for _, f := range append(splitQuoted(env.GOFLAGS), cfg.BuildFlags...) {
		parsed := parseFlag(f)
		flags[parsed.name] = parsed.value
	}
	return flags
}

// isSet reports whether a boolean flag is set.
func isSet(flags map[string]string, name string) bool {
	value, ok := flags[name]
	return ok && value != "false" && value != "0"
}

// covers reports whether the build is one for coverage.
func covers(flags map[string]string) bool {
	_, mode := flags["covermode"]
	_, packages := flags["coverpkg"]
	_, profile := flags["coverprofile"]
	return isSet(flags, "cover") || mode || packages || profile
}

// splitQuoted splits s at blanks outside of quotes, as the go command splits
// GOFLAGS and -toolexec. A quote that is not closed reaches to the end.
func splitQuoted(s string) []string {
	var out []string
	for {
		s = strings.TrimLeftFunc(s, unicode.IsSpace)
		if s == "" {
			return out
		}
		var field string
		if q := s[0]; q == '\'' || q == '"' {
			field, s, _ = strings.Cut(s[1:], string(q))
		} else if end := strings.IndexFunc(s, unicode.IsSpace); end >= 0 {
			field, s = s[:end], s[end:]
		} else {
			field, s = s, ""
		}
		out = append(out, field)
	}
}

// joinQuoted is the reverse of splitQuoted.
func joinQuoted(args []string) (string, error) {
	var out []string
	for _, a := range args {
		switch {
		case a != "" && !strings.ContainsFunc(a, unicode.IsSpace) && !strings.ContainsAny(a, `'"`):
		case !strings.Contains(a, "'"):
			a = "'" + a + "'"
		case !strings.Contains(a, `"`):
			a = `"` + a + `"`
		default:
			return "", fmt.Errorf("%s has both kinds of quotes in it, which the go command cannot be told", a)
		}
		out = append(out, a)
	}
	return strings.Join(out, " "), nil
}

// modFile returns the file that plays the part of go.mod in the plain build,
// and that of its go.sum.
func modFile(env goEnv, cfg Config) (mod, sum string) {
	mod = env.GOMOD
	if name := flagValues(env, cfg)["modfile"]; name != "" {
		mod = name
		if !filepath.IsAbs(mod) {
			mod = filepath.Join(cfg.Dir, mod)
		}
	}
	return mod, strings.TrimSuffix(mod, ".mod") + ".sum"
}

// withoutCover returns g with a GOFLAGS that does not ask for coverage.
func (g goTool) withoutCover(env goEnv) goTool {
	flags := splitQuoted(env.GOFLAGS)
	kept := slices.DeleteFunc(flags, func(f string) bool { return strings.HasPrefix(parseFlag(f).name, "cover") })
	joined, err := joinQuoted(kept)
	if len(kept) == len(flags) || err != nil {
		return g
	}
	return g.with("GOFLAGS=" + joined)
}
