package analyze

import "github.com/lifesign-go/lifesign/event"

// Reduction is what is left of a region when all but the operations that a mimic
// does again, and the calls that lead to them, is dropped.
//
// An operation stands in the reduction of the nearest loop that executes it, in
// those of loops that are not far, and in that of the nearest request, unless that
// is far and a loop has it; each by the shortest way of dynamic calls. Others that execute it have no mimic of it. The
// arguments of a mimic are of one pass of its region.
type Reduction struct {
	Region  event.Site `json:"region"`
	Checker string     `json:"checker,omitempty"` // what the generated function is called; "" if nothing is left
	Left    *Left      `json:"left,omitempty"`    // of the region's function; nil if nothing is
	Dropped []Dropped  `json:"dropped,omitempty"` // by package and place
}

// Left is what is left of a function.
type Left struct {
	Package string     `json:"package"`
	Func    string     `json:"func"`  // as sites name it: (*WAL).sync
	Place   string     `json:"place"` // file:line of the function, or of the loop in it that is the region
	Steps   []LeftStep `json:"steps"` // in the program's order; what is deferred at the end, the last one first
}

// LeftStep is an operation or a call: Do and Site are set, or Call is.
type LeftStep struct {
	Do   event.Deed  `json:"do,omitempty"`
	Site *event.Site `json:"site,omitempty"`
	Call *Left       `json:"call,omitempty"`
	At   string      `json:"at,omitempty"` // file:line of the call
}

// Dropped is an operation that no mimic does.
type Dropped struct {
	Package string     `json:"package"`
	Func    string     `json:"func"`
	Place   string     `json:"place"` // file:line
	Kind    event.Kind `json:"kind,omitempty"`
	What    string     `json:"what"` // (*os.File).Sync
	Do      event.Deed `json:"do,omitempty"`
	Why     string     `json:"why"`
}

// Reduced is a function of the generated checkers: what is left of one of the
// package's functions.
type Reduced struct {
	Ident string        `json:"ident"`           // lsWALSync
	Func  string        `json:"func"`            // (*WAL).sync
	Name  string        `json:"name"`            // by which other packages call it: the import path, a dot, and Func
	Place string        `json:"place"`           // file:line
	Far   bool          `json:"far,omitempty"`   // another package calls it
	Alone bool          `json:"alone,omitempty"` // it has the checks of the author's that belong to no region
	Steps []ReducedStep `json:"steps"`
}

// ReducedStep is a step of a reduced function: an operation, if Do is set; a
// call of another one in the package, if Call is; else of one elsewhere.
type ReducedStep struct {
	Do    event.Deed `json:"do,omitempty"`
	Site  int        `json:"site"`            // ordinal of the operation
	Own   string     `json:"own,omitempty"`   // the author's function, of an operation that is one
	Plain bool       `json:"plain,omitempty"` // that takes no context
	What  string     `json:"what,omitempty"`  // the operation: (*os.File).Sync
	Place string     `json:"place,omitempty"`
	Call  string     `json:"call,omitempty"` // Ident of the reduced function
	Far   string     `json:"far,omitempty"`  // Name of it
}

// Checker is a checker that gen makes: a reduced function and its region.
type Checker struct {
	Site  int    `json:"site"`  // ordinal of the region
	Func  string `json:"func"`  // that has the region, or is it
	Ident string `json:"ident"` // of the reduced function
}

// Words are what the generated checkers of a package call things.
type Words struct {
	File    string `json:"file"`    // absolute path of the file: Dir/zz_lifesign_checkers.go
	Mimic   string `json:"mimic"`   // package mimic: "lsmm"
	Context string `json:"context"` // package context: "lscontext"
	SQL     string `json:"sql"`     // package database/sql: "lssql"
	Stats   string `json:"stats"`   // the function that reads a pool's counters: "lsPoolStats"
	Ping    string `json:"ping"`    // the function that makes a round trip: "lsPoolPing"
}
