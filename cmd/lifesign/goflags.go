package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/lifesign-go/lifesign/cmd/analyze"
)

// What the go command's build takes, so does lifesign: these are the flags of
// "go help build" and "go help test" that are handed on. The tests hold them
// against the go command's own documentation.

// buildBools and buildValues are the build flags without and with a value,
// apart from -C, -o and -v.
var (
	buildBools  = words("a n race msan asan cover work x json linkshared modcacherw trimpath")
	buildValues = words("p covermode coverpkg asmflags buildmode buildvcs compiler gccgoflags gcflags installsuffix ldflags mod modfile overlay pgo pkgdir tags toolexec")
)

// testBools and testValues are the flags of go test besides.
var (
	testBools  = words("c v json artifacts benchmem failfast fullpath short")
	testValues = words("exec vet coverprofile bench benchtime blockprofile blockprofilerate count cpu cpuprofile fuzz fuzztime fuzzminimizetime list memprofile memprofilerate mutexprofile mutexprofilefraction outputdir parallel run skip timeout trace shuffle")
)

func words(s string) []string { return strings.Fields(s) }

// optional are the flags with a value that mean something without one.
var optional = map[string]bool{"buildvcs": true}

// handOn is a flag of the go command. It is kept as it was given.
type handOn struct {
	name string
	bool bool
	to   *[]string
}

func (h handOn) String() string   { return "" }
func (h handOn) IsBoolFlag() bool { return h.bool }

func (h handOn) Set(value string) error {
	*h.to = append(*h.to, "-"+h.name+"="+value)
	return nil
}

// addBuildFlags adds the build flags and lifesign's own about weaving to flags,
// apart from those that flags has already: a command's own mean something else.
func addBuildFlags(flags *flag.FlagSet, o *buildOptions) {
	flags.StringVar(&o.dir, "C", "", "")
	flags.StringVar(&o.scope, "scope", "", "")
	flags.StringVar(&o.rules, "rules", "", "")
	flags.StringVar(&o.unwoven, "unwoven", "", "")
	if flags.Name() != "test" {
		flags.BoolVar(&o.guard, "guard", false, "")
	}
	add := func(names []string, bool func(string) bool) {
		for _, name := range names {
			if flags.Lookup(name) == nil {
				flags.Var(handOn{name, bool(name), &o.flags}, name, "")
			}
		}
	}
	add(buildBools, func(string) bool { return true })
	add(buildValues, func(name string) bool { return optional[name] })
}

// readRules reads a file with the user's own rules; no name is none.
func readRules(name string) (analyze.Rules, error) {
	if name == "" {
		return analyze.Rules{}, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return analyze.Rules{}, fmt.Errorf("-rules: %w", err)
	}
	return analyze.ParseRules(name, string(text))
}
