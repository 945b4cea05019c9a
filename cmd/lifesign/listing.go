package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/lifesign-go/lifesign/cmd/analyze"
	"github.com/lifesign-go/lifesign/event"
)

// printModel prints m for people: function by function what is watched in it,
// and why. only, if not nil, says which functions.
func printModel(w io.Writer, m *analyze.Model, only *regexp.Regexp, took time.Duration) error {
	l := newListing(m)
	for _, f := range m.Functions {
		if only == nil || only.MatchString(shortFunc(f)) {
			l.function(f)
		}
	}
	if only == nil {
		l.elsewhere(m.Skipped)
	}
	s := m.Stats
	l.printf("%s loaded, %d in scope, %s: %s in %s, %s, %d not woven; %.1f s\n",
		number(s.Packages, "package"), s.InScope, number(s.GoStatements, "go statement"),
		number(len(m.Regions), "region"), number(s.RegionFuncs, "function"),
		number(l.operations, "operation"), len(m.Skipped), took.Seconds())
	_, err := io.WriteString(w, trailing.ReplaceAllString(l.text.String(), ""))
	return err
}

// trailing matches what the columns leave behind a line whose last cell is
// empty.
var trailing = regexp.MustCompile(`(?m) +$`)

// shortFunc is what -func is matched with: the function with the last element
// of its package's path, server.(*stream).run.
func shortFunc(f analyze.Function) string {
	return f.Package[strings.LastIndexByte(f.Package, '/')+1:] + "." + f.Func
}

// listing is the text that is printed, in the making. Files below the current
// directory are named relative to it, others by their last element: the
// package's heading says where it is.
type listing struct {
	text       strings.Builder
	current    string            // the current directory, with a separator at its end
	dirs       map[string]string // of packages
	pkg        string            // the package whose heading was printed last
	operations int
	regions    map[inFunction][]analyze.Region
	sites      map[inFunction][]analyze.Site
	skipped    map[inFunction][]analyze.Skip
	guards     map[inFunction][]analyze.Guarded
}

// inFunction is a function by its name and, as init is declared any number of
// times, its file.
type inFunction struct{ pkg, file, fn string }

func newListing(m *analyze.Model) *listing {
	l := &listing{
		dirs:    make(map[string]string),
		regions: make(map[inFunction][]analyze.Region), sites: make(map[inFunction][]analyze.Site), skipped: make(map[inFunction][]analyze.Skip),
		guards: make(map[inFunction][]analyze.Guarded),
	}
	for _, r := range m.Regions {
		at := inFunction{r.Site.Package, r.Site.File, r.Site.Func}
		l.regions[at] = append(l.regions[at], r)
	}
	for _, p := range m.Packages {
		l.dirs[p.Path] = p.Dir
		for _, f := range p.Files {
			for _, s := range f.Sites {
				if !s.Kind.IsRegion() {
					l.operations++
					at := inFunction{s.Package, s.File, s.Func}
					l.sites[at] = append(l.sites[at], s)
				}
			}
		}
	}
	for _, g := range m.Guards {
		at := inFunction{g.Package, fileOf(g.Place), g.Func}
		l.guards[at] = append(l.guards[at], g)
	}
	for _, s := range m.Skipped {
		at := inFunction{s.Package, fileOf(s.Place), s.Func}
		l.skipped[at] = append(l.skipped[at], s)
	}
	if dir, err := os.Getwd(); err == nil {
		l.current = dir + string(filepath.Separator)
	}
	return l
}

// fileOf returns the file of a place.
func fileOf(place string) string {
	if i := strings.LastIndexByte(place, ':'); i >= 0 {
		return place[:i]
	}
	return place
}

func (l *listing) printf(format string, args ...any) { fmt.Fprintf(&l.text, format, args...) }

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

// places matches absolute places in a reason.
var places = regexp.MustCompile(`/[^ :"]+:\d+`)

// reason shortens the places in why.
func (l *listing) reason(why string) string { return places.ReplaceAllStringFunc(why, l.name) }

// importPaths matches the part of a package's import path that its name does
// not repeat.
var importPaths = regexp.MustCompile(`[\w.~-]+(/[\w.~-]+)*/`)

// function prints a function: the region it is or has, or works for; what is
// woven in it; what is not.
func (l *listing) function(f analyze.Function) {
	at := inFunction{f.Package, fileOf(f.Place), f.Func}
	l.heading(f.Package)
	if f.Place == "" {
		l.printf("  package variables\n")
		l.variables(f)
		return
	}
	l.printf("  %s  %s\n", f.Func, l.name(f.Place))
	switch n := f.Region; {
	case n == nil:
		l.printf("      no region is known to call it\n")
	case n.Calls > 0:
		l.printf("      works for the region at %s in %s, %s away\n", l.name(n.Place), importPaths.ReplaceAllString(n.Func, ""), number(n.Calls, "call"))
	}
	for _, r := range l.regions[at] {
		l.region(r)
	}
	for _, g := range l.guards[at] {
		l.printf("      guard  %s  %s: %s\n", l.name(g.Place), g.What, l.reason(g.Why))
	}
	l.rows(l.sites[at], l.skipped[at])
}

// variables prints what initialises the package variables of all files.
func (l *listing) variables(f analyze.Function) {
	for at, sites := range l.sites {
		if at.pkg == f.Package && at.fn == f.Func {
			l.rows(sites, nil)
		}
	}
}

// region prints a region and the way to it.
func (l *listing) region(r analyze.Region) {
	l.printf("      %s  %s  %s\n", r.Site.Kind, l.name(r.Site.Place()), l.reason(r.Why))
	table := tabwriter.NewWriter(&l.text, 0, 0, 2, ' ', 0)
	for i, s := range r.Chain {
		how := "calls"
		switch {
		case i == len(r.Chain)-1 && r.Site.Kind == event.Request:
			how = "serves"
		case i == len(r.Chain)-1:
			how = "loops"
		case i == 0 && r.Begins == analyze.ByGo:
			how = "go"
		case i == 0 && r.Begins == analyze.ByTimer:
			how = "timer"
		}
		fmt.Fprintf(table, "          %s\t%s\t%s\n", how, l.name(s.Place), importPaths.ReplaceAllString(s.Func, ""))
	}
	table.Flush()
}

// rows prints the operations of a function, and what is not woven in it.
func (l *listing) rows(sites []analyze.Site, skipped []analyze.Skip) {
	table := tabwriter.NewWriter(&l.text, 0, 0, 2, ' ', 0)
	for _, s := range sites {
		fmt.Fprintf(table, "      %s\t%s\t%s\t%s\t%s\n", s.Kind, class(s.Site), l.name(s.Place()), s.Object, l.reason(whyOf(s)))
	}
	for _, s := range skipped {
		fmt.Fprintf(table, "      not woven\t\t%s\t%s\t%s\n", l.name(s.Place), s.What, l.reason(s.Why))
	}
	table.Flush()
	l.printf("\n")
}

// elsewhere prints what is not woven and in no function.
func (l *listing) elsewhere(skipped []analyze.Skip) {
	for _, s := range skipped {
		if s.Func == "" {
			l.heading(s.Package)
			l.printf("  not woven  %s  %s: %s\n\n", l.name(s.Place), s.What, l.reason(s.Why))
		}
	}
}

// class says what a wait at s is: for work, or in work.
func class(s event.Site) string {
	if s.Idle {
		return "idle"
	}
	return "doing"
}

// whyOf says why s is watched and classed as it is.
func whyOf(s analyze.Site) string {
	why := s.Why
	switch {
	case why != "":
	case s.Confined:
		why = "only who takes it releases it"
	case s.Paired:
		why = "its function releases it"
	case s.Kind.IsLock():
		why = "another function releases it"
	}
	if s.Needs == "" {
		return why
	}
	if why != "" {
		why += "; "
	}
	return why + "needs " + s.Needs
}
