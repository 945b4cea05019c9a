package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/lifesign-go/lifesign/cmd/analyze"
	"github.com/lifesign-go/lifesign/cmd/load"
)

const analyzeUsage = `usage: lifesign analyze [-scope PATTERNS] [-rules FILE] [-tags TAGS]
                        [-guard] [-reductions] [-func REGEXP] [-json] PACKAGE

Analyze lists what lifesign run would watch in a program, function by function,
and why: the regions, which are endless loops of goroutines, request handlers and
loops that try again, each with the way that leads to it; the vulnerable
operations, each a wait for work (idle) or in it (doing); and what could not be
woven. Nothing is built or changed.

  -scope PATTERNS  import paths to look at, separated by commas, such as
                   example.com/mod/..., or all; without it, the main module
  -rules FILE      rules of your own, a line each: vulnerable, idle or ignore,
                   and a function, such as (*example.com/db.Conn).Query
  -tags TAGS       build tags, separated by commas
  -guard           list also what lifesign build -guard weaves guards around, and
                   what it does not and why
  -reductions      list the mimic checkers instead, region by region: the functions
                   that lead to operations which can be done again beside the
                   program, these in its order, and what is dropped and why
  -func REGEXP     list only functions that match, such as server.(*stream).run;
                   with -reductions, the regions that have one of them
  -json            print the model of the program as JSON instead; with -reductions,
                   the reductions
`

type analyzeOptions struct {
	scope analyze.Scope
	rules analyze.Rules
	tags  string         // separated by commas
	only  *regexp.Regexp // functions to list, nil for all
	json  bool
	guard bool // list guards

	reductions bool
	pkg        string
}

// analyzeCommand is lifesign analyze. It returns the exit status.
func analyzeCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseAnalyze(args)
	if status, ends := unusable("analyze", analyzeUsage, err, stdout, stderr); ends {
		return status
	}
	defer beginHaste().end()
	start := time.Now()
	m, err := analyzeProgram(ctx, o)
	if err != nil {
		return buildFailed(ctx, "analyze", err, stderr)
	}
	if err := o.print(stdout, m, time.Since(start)); err != nil {
		fmt.Fprintf(stderr, "lifesign analyze: %v\n", err)
		return 1
	}
	return 0
}

// print prints what was asked for.
func (o analyzeOptions) print(w io.Writer, m *analyze.Model, took time.Duration) error {
	if !o.json {
		if o.reductions {
			return printReductions(w, m, o.only)
		}
		return printModel(w, m, o.only, took)
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "\t")
	if o.reductions {
		return out.Encode(chosen(m, o.only))
	}
	return out.Encode(m)
}

func parseAnalyze(args []string) (analyzeOptions, error) {
	var o analyzeOptions
	flags := flag.NewFlagSet("analyze", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	scope := flags.String("scope", "", "")
	rules, only := flags.String("rules", "", ""), flags.String("func", "", "")
	flags.StringVar(&o.tags, "tags", "", "")
	flags.BoolVar(&o.json, "json", false, "")
	flags.BoolVar(&o.guard, "guard", false, "")
	flags.BoolVar(&o.reductions, "reductions", false, "")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if n := flags.NArg(); n != 1 {
		return o, fmt.Errorf("one package is needed, there are %d (flags come before it)", n)
	}
	o.pkg = flags.Arg(0)
	var err error
	if *only != "" {
		if o.only, err = regexp.Compile(*only); err != nil {
			return o, fmt.Errorf("-func: %w", err)
		}
		if o.json && !o.reductions {
			return o, fmt.Errorf("-func chooses what is listed: leave out -json")
		}
	}
	if o.scope, err = analyze.ParseScope(*scope); err != nil {
		return o, err
	}
	o.rules, err = readRules(*rules)
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
	return analyze.Analyze(ctx, prog, analyze.Config{Scope: o.scope, Rules: o.rules, Guard: o.guard})
}
