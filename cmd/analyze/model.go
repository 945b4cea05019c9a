package analyze

import "github.com/lifesign-go/lifesign/event"

// Model is what analysis finds in a program. It is plain data, in an order
// that depends on nothing but the program: packages by import path, files by
// path, everything in a file by offset.
type Model struct {
	Runtime  string    // layout of the Go runtime's structures, see RuntimeLayout
	Packages []Package // those in scope that have something to weave
	Regions  []Region
	Skipped  []Skip
	Stats    Stats
}

// Stats says how much was looked at.
type Stats struct {
	Packages     int // loaded
	InScope      int // packages in scope
	Functions    int // with an SSA body
	GoStatements int // in scope
	Goroutines   int // functions that they start
	RegionFuncs  int // functions that have a region
}

// Package is a package to weave.
type Package struct {
	Path   string // import path
	Name   string
	Dir    string // absolute
	Module string // path of its module, "" for files named on the command line

	Hook      string // what woven code calls the hook package: "lsrt"
	Base      string // what it calls the variable that Register's result is in: "lsbase"
	Generated string // absolute path of the file that gen adds: Dir/zz_lifesign.go

	Files []File
}

// File is a file to weave.
type File struct {
	Path     string // absolute, as it was loaded
	Size     int    // of the content that the offsets below are of
	Sum      uint32 // CRC-32 (IEEE) of that content
	Clause   int    // offset just after the name in the package clause
	Sites    []Site // by ordinal
	Rewrites []Rewrite
}

// Site is a site with its ordinal in the package. All sites of a package,
// taken in order, have the ordinals 0, 1, 2, …
type Site struct {
	event.Site
	Ordinal int
}

// Form is a way of rewriting a piece of source.
type Form string

// The forms. All offsets are of bytes. What is between the named offsets of a
// rewrite stays as it is, other rewrites in it included.
const (
	// Guard is a function body: `{` → `{ defer lsrt.Unwind(lsrt.Here());`.
	// Start is just after the brace, End the closing brace.
	Guard Form = "guard"

	// Region is an endless loop. Start is the loop, or its label if it has one,
	// Cut is just after the brace that opens its body. With Open it can only be
	// left by return, panic or goto, and nothing is put behind it.
	Loop Form = "loop"

	// Method is a selected method that is called or taken as a value:
	// `x.Lock()` → `lsrt.Lock(lsbase+1, &x.Path)`. Start is x, Cut the end of x,
	// End the end of the call or of the selector.
	Method Form = "method"

	// MethodExpr is a method expression: `(*T).Lock` →
	// `func(lsm (*T)) { lsrt.Lock(lsbase+1, &lsm.Path) }`. Start is the type, Cut its
	// end, Var the name of the parameter.
	MethodExpr Form = "method expression"

	// Send is a send statement: `x <- v` → `lsrt.To(lsbase+1, x).Send(v)`. Cut is
	// the arrow.
	Send Form = "send"

	// Recv is a receive expression: `<-x` → `lsrt.Recv(lsbase+1, x)`, or another
	// function of the same shape (Func). Start is the arrow.
	Recv Form = "receive"

	// Range is a loop over a channel: `for v := range x {` → `for v, lsok, lsch :=
	// lsrt.RangeOver(lsbase+1, x); lsok; v, lsok = lsrt.RecvOK(lsbase+1, lsch) {`.
	// Start is just after the keyword for, Cut the beginning of x, End the end of
	// x, Var v ("_" if there is none), OK and Chan the names of the other two.
	Range Form = "range"

	// Select is a select without a default. Start is the select, or its label,
	// and Marks are just after the colons of its cases. With none it is a select
	// that waits for ever.
	Select Form = "select"

	// Statement is a call that is a statement, or what a simple statement assigns:
	// `n, err := f()` → `lsrt.Enter(lsbase+1); n, err := f(); lsrt.Exit(lsbase+1)`.
	// With Open it is a return statement, and nothing is put behind it.
	Statement Form = "statement"

	// Hoist is an if or switch statement whose first part is such a statement:
	// `if err := f(); err != nil {…}` → `{ lsrt.Enter(lsbase+1); err := f();
	// lsrt.Exit(lsbase+1); if err != nil {…} }`. Word is the keyword, Cut the
	// semicolon.
	Hoist Form = "hoist"
)

// Rewrite says how to rewrite one piece of a file. It has no meaning without
// the bytes that the offsets are of. The rewrites of a file are in the order of
// their starts, an outer one before those in it.
type Rewrite struct {
	Form  Form
	Site  int    // ordinal of the site, -1 if it has none (releases and guards)
	Start int    // where it begins
	Cut   int    // where the text that changes begins, see the forms
	End   int    // where it ends
	Func  string // Method, MethodExpr, Recv: the function of package hook
	Addr  bool   // Method, MethodExpr: the address is taken
	Path  string // Method, MethodExpr: the embedded fields that lead to the lock, ".a.Mutex"
	Call  bool   // Method: it is called, not taken as a value
	Open  bool   // Loop, Statement: nothing behind it
	Word  string // Hoist: the keyword
	Var   string // Range, MethodExpr
	OK    string // Range
	Chan  string // Range
	Marks []int  // Select
}

// Region is a region and why it is one.
type Region struct {
	Site  event.Site
	Why   string // "endless loop", "loop until a condition", "range over a channel"
	Chain []Step // from the go statement to the function that has the loop
}

// Step is one step of a region's chain.
type Step struct {
	Func  string // full name: (*example.com/server.stream).run
	Place string // file:line of the go statement (first) or of the call that leads to Func
}

// Skip is an operation or function that is not woven.
type Skip struct {
	Package string
	Place   string // file:line, or a file
	What    string
	Why     string
}
