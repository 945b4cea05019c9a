package analyze

import "github.com/lifesign-go/lifesign/event"

// Model is what analysis finds in a program. It is plain data, in an order
// that depends on nothing but the program: packages by import path, files by
// path, everything in a file by offset.
type Model struct {
	Runtime   string     `json:"runtime"`  // layout of the Go runtime's structures, see RuntimeLayout
	Packages  []Package  `json:"packages"` // those in scope that have something to weave
	Regions   []Region   `json:"regions"`
	Functions []Function `json:"functions"`
	Skipped   []Skip     `json:"skipped"`
	Guards    []Guarded  `json:"guards,omitempty"` // if they were asked for
	Stats     Stats      `json:"stats"`

	Reductions []Reduction `json:"reductions,omitempty"` // by region, of those that have operations
	Unreduced  []Dropped   `json:"unreduced,omitempty"`  // operations of no region

	// Reach is the table of who in the program could serve which wait, as package
	// internal/reach encodes it; empty if there is nothing to tell. It changes with
	// any package, so that only the main package may carry it.
	Reach []byte `json:"reach,omitempty"`
}

// Stats says how much was looked at.
type Stats struct {
	Packages     int `json:"packages"`     // loaded
	InScope      int `json:"inScope"`      // packages in scope
	Functions    int `json:"functions"`    // with an SSA body
	GoStatements int `json:"goStatements"` // in scope
	Goroutines   int `json:"goroutines"`   // functions that they start
	RegionFuncs  int `json:"regionFuncs"`  // functions that have a region, or are one
}

// Package is a package to weave.
type Package struct {
	Path   string `json:"path"` // import path
	Name   string `json:"name"`
	Dir    string `json:"dir"`    // absolute
	Module string `json:"module"` // path of its module, "" for files named on the command line

	Hook      string `json:"hook"`      // what woven code calls the hook package: "lsrt"
	Base      string `json:"base"`      // what it calls the variable that Register's result is in: "lsbase"
	Generated string `json:"generated"` // absolute path of the file that gen adds: Dir/zz_lifesign.go

	Files []File `json:"files"`

	Reduced  []Reduced `json:"reduced,omitempty"`  // functions of generated checkers
	Checkers []Checker `json:"checkers,omitempty"` // by region
	Words    *Words    `json:"words,omitempty"`    // what generated checkers call things; nil if there are none

	Guard *GuardWords `json:"guard,omitempty"` // what guards call things; nil if there are none

	// Expect is, for a main package, how many woven packages the program is made
	// of, itself included if anything is woven in it; Files may be empty then.
	Expect int `json:"expect,omitempty"`
}

// File is a file to weave.
type File struct {
	Path     string    `json:"path"`   // absolute, as it was loaded
	Size     int       `json:"size"`   // of the content that the offsets below are of
	Sum      uint32    `json:"sum"`    // CRC-32 (IEEE) of that content
	Clause   int       `json:"clause"` // offset just after the name in the package clause
	Sites    []Site    `json:"sites"`  // by ordinal
	Rewrites []Rewrite `json:"rewrites"`
}

// Site is a site with its ordinal in the package. All sites of a package,
// taken in order, have the ordinals 0, 1, 2, …
type Site struct {
	event.Site
	Ordinal int    `json:"ordinal"`
	Why     string `json:"why,omitempty"` // it is watched, and is classed as it is

	// Deed is what a mimic of the operation does, with what its Rewrite takes; ""
	// if there is none, and NoMimic then says why. Both are empty for regions.
	Deed    event.Deed `json:"deed,omitempty"`
	NoMimic string     `json:"noMimic,omitempty"`
}

// Form is a way of rewriting a piece of source.
type Form string

// The forms. All offsets are of bytes. What is between the named offsets of a
// rewrite stays as it is, other rewrites in it included.
const (
	// Guard is a function body: `{` → `{ defer lsrt.Unwind(lsrt.Here());`.
	// Start is just after the brace, End the closing brace.
	Guard Form = "guard"

	// Loop is a loop that is marked: endless, or one whose end depends on the
	// outside. Start is the loop, or its label if it has one, Cut is just after the
	// brace that opens its body. With Open it can only be left by return, panic or
	// goto, and nothing is put behind it.
	Loop Form = "loop"

	// Request is the body of a function that runs once per request: a guard, and
	// the beginning of a region that the guard ends: ` defer
	// lsrt.Unwind(lsrt.Here()); lsrt.Begin(lsbase+1);`. Start is just after the
	// brace, End the closing brace.
	Request Form = "request"

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
	// x, Var v ("_" if there is none), OK and Chan the names of the other two. If
	// the loop assigns, as in `for v = range x {`, Var is a name for the element,
	// which the body begins by assigning: ` v = lsv;`. Marks are then where v
	// begins and ends, and where the body does.
	Range Form = "range"

	// Select is a select without a default. Start is the select, or its label,
	// and Marks are just after the colons of its cases. With none it is a select
	// that waits for ever.
	Select Form = "select"

	// Statement is a call that is a statement, or what a simple statement assigns,
	// unless its one result is an error that goes to no variable of its own:
	// `n, err := f.Write(b)` → `lsrt.Enter(lsbase+1); n, err := f.Write(b);
	// lsrt.Exit(lsbase+1)`. With Open it is a return statement, and nothing is put
	// behind it. What it takes is captured first, behind Enter:
	// `lsrt.Wanted(lsbase+1).Handle(f).Bytes(b).Keep()`; its error is noted last:
	// `if err != nil { lsrt.Failed(lsbase+1, err) }`.
	Statement Form = "statement"

	// Hoist is an if or switch statement whose first part is such a statement:
	// `if err := f(); err != nil {…}` → `{ lsrt.Enter(lsbase+1); err := f();
	// lsrt.Exit(lsbase+1); if err != nil {…} }`. Word is the keyword, Cut the
	// semicolon.
	Hoist Form = "hoist"

	// Expression is a call with one result that stands in an expression: `f(x)` →
	// `lsrt.X1(lsrt.Into(lsbase+1), f(x))`; or, if it takes something and its result
	// is an error,
	// `lsrt.Failing(lsrt.Into(lsbase+1).Keeping(lsrt.Wanted(lsbase+1).Text(x)), f(x))`.
	Expression Form = "expression"

	// Deferred is a deferred call with one result and at most one argument:
	// `f.Close()` → `lsrt.Deferred(lsbase+1, f.Close)`, `g(x)` →
	// `lsrt.Deferred1(lsbase+1, g, x)`. Cut is the opening parenthesis, Func which
	// of the two.
	Deferred Form = "deferred"

	// Pass is the body of a handler of net/http that is guarded: ` defer
	// lsgd.Pass(lsgd.Begin());`. Start is just after the brace, End the closing
	// brace.
	Pass Form = "pass"

	// Answer is a function that is guarded and returns an error last: ` defer
	// lsgd.Answer(lsgd.Begin(), &err, lscrashed);`. Cut is just after the brace, End
	// the closing brace, Err the variable. Where results have no names, Marks are
	// where their types begin, and Start is the first; they get names, the last one
	// Err, the others Var and a number. With Open the one result has no parentheses,
	// and the second mark is its end.
	Answer Form = "answer"

	// Contain is the body of a goroutine that is guarded: ` defer
	// lsgd.End(lsgd.Begin(), conn);`, with what is Served. Start and End are as with
	// Pass.
	Contain Form = "contain"

	// Started is a call that a go statement starts and that is guarded: `s.serve(c)` →
	// `lsgd.Go1(lsgd.For(conn), s.serve, c)`. Func is which of them, Cut the opening
	// parenthesis.
	Started Form = "started"
)

// Rewrite says how to rewrite one piece of a file. It has no meaning without
// the bytes that the offsets are of. The rewrites of a file are in the order of
// their starts, an outer one before those in it.
type Rewrite struct {
	Form   Form     `json:"form"`
	Site   int      `json:"site"`             // ordinal of the site, -1 if it has none (releases and guards)
	Start  int      `json:"start"`            // where it begins
	Cut    int      `json:"cut"`              // where the text that changes begins, see the forms
	End    int      `json:"end"`              // where it ends
	Func   string   `json:"func,omitempty"`   // Method, MethodExpr, Recv, Deferred: the function of package hook
	Addr   bool     `json:"addr,omitempty"`   // Method, MethodExpr: the address is taken
	Path   string   `json:"path,omitempty"`   // Method, MethodExpr: the embedded fields that lead to the lock, ".a.Mutex"
	Call   bool     `json:"call,omitempty"`   // Method: it is called, not taken as a value
	Open   bool     `json:"open,omitempty"`   // Loop, Statement: nothing behind it
	Word   string   `json:"word,omitempty"`   // Hoist: the keyword
	Var    string   `json:"var,omitempty"`    // Range, MethodExpr, Answer
	OK     string   `json:"ok,omitempty"`     // Range
	Chan   string   `json:"chan,omitempty"`   // Range
	Marks  []int    `json:"marks,omitempty"`  // Select, Range, Answer
	Take   []Take   `json:"take,omitempty"`   // Statement, Hoist, Expression: what a mimic is given, in this order
	Served []string `json:"served,omitempty"` // Contain, Started: variables

	Err string `json:"err,omitempty"` // Answer; Statement, Hoist: the variable that gets the call's error; Expression: "error" if its result is one
}

// Take is a value that is captured for a mimic before the operation: an operand
// of the operation that can be evaluated a second time, or made of one.
type Take struct {
	Kind  TakeKind `json:"kind"`
	Start int      `json:"start"`          // of the operand
	End   int      `json:"end"`            // the same as Start if none is needed
	Wrap  string   `json:"wrap,omitempty"` // what is made of it, which stands for %s: "int64(len(%s))"; "" if nothing is
}

// TakeKind is a method of the hook package's Capture.
type TakeKind string

// The kinds.
const (
	TakeHandle TakeKind = "Handle" // a pointer, or an interface that holds one
	TakeBound  TakeKind = "Bound"  // a function value, of a method of what Handle would take
	TakeText   TakeKind = "Text"   // a string
	TakeBytes  TakeKind = "Bytes"  // a slice of bytes
	TakeChars  TakeKind = "Chars"  // a string whose bytes are what Bytes would take
	TakeNumber TakeKind = "Number" // an int64
	// TakeMapping is where in memory a slice of bytes is.
	TakeMapping TakeKind = "Mapping"
	// TakeRequest is where a *http.Request goes to.
	TakeRequest TakeKind = "Request"
)

// Region is a region, a request or a loop, and why it is one.
type Region struct {
	Site   event.Site `json:"site"`
	Why    string     `json:"why"`              // "loop without a condition", "it is the ServeHTTP of a handler"
	Begins Begins     `json:"begins,omitempty"` // how the chain does
	Chain  []Step     `json:"chain,omitempty"`  // to the function that has the loop, or is the request; none for a Loop
}

// Begins says how a chain begins.
type Begins string

// The beginnings of chains.
const (
	ByGo     Begins = "go"     // with a go statement
	ByMain   Begins = "main"   // with main, which the runtime starts
	ByServer Begins = "server" // with a function that a server calls
	ByTimer  Begins = "timer"  // with a function that is given to a timer
)

// Step is one step of a region's chain.
type Step struct {
	Func  string `json:"func"`  // full name: (*example.com/server.stream).run
	Place string `json:"place"` // file:line where it starts or calls the next; of the last, the loop
}

// Function is a function that has something to watch, or something that cannot
// be woven, and the region that it works for.
type Function struct {
	Package string `json:"package"`
	Func    string `json:"func"`             // as sites name it
	Place   string `json:"place"`            // file:line; "" for what initialises package variables
	Region  *Near  `json:"region,omitempty"` // the nearest one that calls it; nil if none is known
}

// Near is a region and how far it is away.
type Near struct {
	Func  string `json:"func"`  // full name of the function that has the region, or is it
	Place string `json:"place"` // file:line of the region
	Calls int    `json:"calls"` // 0 if the function itself has it
}

// Skip is an operation or function that is not woven.
type Skip struct {
	Package string `json:"package"`
	Func    string `json:"func,omitempty"` // as sites name it, "" if it is in none
	Place   string `json:"place"`          // file:line, or a file
	What    string `json:"what"`
	Why     string `json:"why"`
}

// Guarded is a function, or a go statement, that a guard is woven around.
type Guarded struct {
	Package string `json:"package"`
	Func    string `json:"func"`  // as sites name it; of a go statement, the function that it stands in
	Place   string `json:"place"` // file:line
	What    string `json:"what"`  // "handler of net/http"
	Why     string `json:"why"`
}

// GuardWords are what the guards of a package call things.
type GuardWords struct {
	Unit string `json:"unit"` // package guard/unit: "lsgd"

	// Crashed is the variable with what functions return that have crashed, Status
	// and Codes are the packages of gRPC that it is made with. They are "" if there
	// are no such functions.
	Crashed string `json:"crashed,omitempty"`
	Status  string `json:"status,omitempty"`
	Codes   string `json:"codes,omitempty"`
}
