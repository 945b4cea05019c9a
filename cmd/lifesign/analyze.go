package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/lifesign-go/lifesign/cmd/analyze"
	"github.com/lifesign-go/lifesign/cmd/load"
	"github.com/lifesign-go/lifesign/event"
)

const analyzeUsage = `usage: lifesign analyze [-scope PATTERNS] [-rules FILE] [-tags TAGS] [-json] PACKAGE

Analyze lists what lifesign run would watch in a program: the regions, which are
the endless loops of its goroutines, each with the way that leads from a go
statement to it; the vulnerable operations, function by function; and what it
could not weave, with the reason. Nothing is built or changed.

  -scope PATTERNS  import paths to look at, separated by commas, such as
                   example.com/mod/...; without it, the main module
  -rules FILE      rules of your own, a line each: vulnerable, idle or ignore,
                   and a function, such as (*example.com/db.Conn).Query
  -tags TAGS       build tags, separated by commas
  -json            print the model of the program as JSON instead
`

type analyzeOptions struct {
	scope analyze.Scope
	rules analyze.Rules
	tags  string // separated by commas
	json  bool
	pkg   string
}

// analyzeCommand is lifesign analyze. It returns the exit status.
func analyzeCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseAnalyze(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, analyzeUsage)
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "lifesign analyze: %v (lifesign analyze -h explains)\n", err)
		return 2
	}
	start := time.Now()
	m, err := analyzeProgram(ctx, o)
	if err != nil {
		return buildFailed(ctx, "analyze", err, stderr)
	}
	if o.json {
		out := json.NewEncoder(stdout)
		out.SetEscapeHTML(false)
		out.SetIndent("", "\t")
		err = out.Encode(m)
	} else {
		err = printModel(stdout, m, time.Since(start))
	}
	if err != nil {
		fmt.Fprintf(stderr, "lifesign analyze: %v\n", err)
		return 1
	}
	return 0
}

func parseAnalyze(args []string) (analyzeOptions, error) {
	var o analyzeOptions
	flags := flag.NewFlagSet("analyze", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	scope := flags.String("scope", "", "")
	rules := flags.String("rules", "", "")
	flags.StringVar(&o.tags, "tags", "", "")
	flags.BoolVar(&o.json, "json", false, "")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if n := flags.NArg(); n != 1 {
		return o, fmt.Errorf("one package is needed, there are %d (flags come before it)", n)
	}
	o.pkg = flags.Arg(0)
	var err error
	if o.scope, err = analyze.ParseScope(*scope); err != nil || *rules == "" {
		return o, err
	}
	text, err := os.ReadFile(*rules)
	if err != nil {
		return o, fmt.Errorf("read the rules: %w", err)
	}
	o.rules, err = analyze.ParseRules(*rules, string(text))
	return o, err
}

func analyzeProgram(ctx context.Context, o analyzeOptions) (*analyze.Model, error) {
	cfg := load.Config{Patterns: []string{o.pkg}}
	if o.tags != "" {
		cfg.BuildFlags = []string{"-tags=" + o.tags}
	}
	prog, err := load.Load(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return analyze.Analyze(ctx, prog, analyze.Config{Scope: o.scope, Rules: o.rules})
}

// printModel prints m for people.
func printModel(w io.Writer, m *analyze.Model, took time.Duration) error {
	l := newListing(m)
	l.regions(m.Regions)
	l.operations(m.Packages)
	l.skipped(m.Skipped)
	s := m.Stats
	l.printf("%s loaded, %d in scope, %s: %s in %s, %s, %d not woven; %.1f s\n",
		number(s.Packages, "package"), s.InScope, number(s.GoStatements, "go statement"),
		number(len(m.Regions), "region"), number(s.RegionFuncs, "function"),
		number(l.count, "operation"), len(m.Skipped), took.Seconds())
	_, err := io.WriteString(w, trailing.ReplaceAllString(l.text.String(), ""))
	return err
}

// trailing matches what the columns leave behind a line whose last cell is
// empty.
var trailing = regexp.MustCompile(`(?m) +$`)

// listing is the text that is printed, in the making. Files below the current
// directory are named relative to it, others by their last element: the
// package's heading says where it is.
type listing struct {
	text    strings.Builder
	current string            // the current directory, with a separator at its end
	dirs    map[string]string // of packages
	pkg     string            // the package whose heading was printed last
	count   int               // operations
}

func newListing(m *analyze.Model) *listing {
	l := &listing{dirs: make(map[string]string)}
	for _, p := range m.Packages {
		l.dirs[p.Path] = p.Dir
	}
	if dir, err := os.Getwd(); err == nil {
		l.current = dir + string(filepath.Separator)
	}
	return l
}

func (l *listing) printf(format string, args ...any) { fmt.Fprintf(&l.text, format, args...) }

// section begins a part of the listing.
func (l *listing) section(title string) {
	l.pkg = ""
	l.printf("%s\n\n", title)
}

// heading prints the heading of a package, unless it stands there already.
func (l *listing) heading(pkg string) {
	if pkg == l.pkg {
		return
	}
	l.pkg = pkg
	l.printf("package %s", pkg)
	if dir := l.dirs[pkg]; dir != "" && !strings.HasPrefix(dir+string(filepath.Separator), l.current) {
		l.printf(" in %s", dir)
	}
	l.printf("\n\n")
}

// name shortens a place or path.
func (l *listing) name(path string) string {
	if short, ok := strings.CutPrefix(path, l.current); ok && l.current != "" {
		return short
	}
	return filepath.Base(path)
}

// importPaths matches the part of a package's import path that its name does
// not repeat.
var importPaths = regexp.MustCompile(`[\w.~-]+(/[\w.~-]+)*/`)

func (l *listing) regions(regions []analyze.Region) {
	if len(regions) == 0 {
		return
	}
	l.section("REGIONS")
	for _, r := range regions {
		l.heading(r.Site.Package)
		l.printf("  %s  %s\n", r.Site.Func, r.Why)
		table := tabwriter.NewWriter(&l.text, 0, 0, 2, ' ', 0)
		for i, s := range r.Chain {
			how := "calls"
			switch {
			case i == len(r.Chain)-1:
				how = "loops"
			case i == 0 && r.Begins == analyze.ByGo:
				how = "go"
			}
			fmt.Fprintf(table, "      %s\t%s\t%s\n", how, l.name(s.Place), importPaths.ReplaceAllString(s.Func, ""))
		}
		table.Flush()
		l.printf("\n")
	}
}

// operations prints the operations, a block a function.
func (l *listing) operations(packages []analyze.Package) {
	l.section("OPERATIONS")
	for _, p := range packages {
		l.functions(p)
	}
	if l.count == 0 {
		l.printf("none\n\n")
	}
}

// functions prints the operations of p. Those of a function stand together,
// although literals may lie between them in the source.
func (l *listing) functions(p analyze.Package) {
	var order []string
	byFunc := make(map[string][]event.Site)
	for _, f := range p.Files {
		for _, s := range f.Sites {
			if s.Kind.IsRegion() {
				continue
			}
			key := f.Path + " " + s.Func // init is declared in any number of files
			if byFunc[key] == nil {
				order = append(order, key)
			}
			byFunc[key] = append(byFunc[key], s.Site)
		}
	}
	for _, key := range order {
		sites := byFunc[key]
		l.heading(p.Path)
		l.printf("  %s\n", sites[0].Func)
		table := tabwriter.NewWriter(&l.text, 0, 0, 2, ' ', 0)
		for _, s := range sites {
			l.count++
			fmt.Fprintf(table, "      %s\t%s\t%s\t%s\n", s.Kind, class(s), l.name(s.Place()), s.Object)
		}
		table.Flush()
		l.printf("\n")
	}
}

func (l *listing) skipped(skipped []analyze.Skip) {
	if len(skipped) == 0 {
		return
	}
	l.section("NOT WOVEN")
	for _, s := range skipped {
		if s.Package != l.pkg && l.pkg != "" {
			l.printf("\n")
		}
		l.heading(s.Package)
		l.printf("  %s  %s: %s\n", l.name(s.Place), s.What, s.Why)
	}
	l.printf("\n")
}

// class says what a wait at s is: for work, in work, or in work with the lock
// released by the function that takes it.
func class(s event.Site) string {
	switch {
	case s.Idle:
		return "idle"
	case s.Paired:
		return "paired"
	}
	return "busy"
}
