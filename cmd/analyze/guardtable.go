package analyze

// guardRule is a row of the table of what a guard is woven around.
type guardRule struct {
	name string // short, for listings
	what string // it is
	how  string // its panic ends
	form Form   // of its guard, for handlers
}

// The rules for functions that run once per request, and for go statements.
var (
	guardHTTP = &guardRule{
		"handler of net/http",
		"a `ServeHTTP` method, or another function of that shape that is handed over as a handler; what a router out of scope calls for a request",
		"as without a guard: it goes on to net/http, or to who recovers it before, and net/http closes the connection. It is told of, and if it has left a woven lock locked the program drains and ends. How many there are does not count",
		Pass,
	}
	guardGRPC = &guardRule{
		"method of a gRPC service",
		"a method that generated gRPC code calls",
		"with an error of code Internal, which gRPC sends to the client and ends the call with",
		Answer,
	}
	guardAccept = &guardRule{
		"goroutine of a connection",
		"a `go` statement in a loop that accepts connections, whose goroutine is given something that the loop has got in the same round",
		"its goroutine; the connection is closed",
		Contain,
	}
	guardLoop = &guardRule{
		"goroutine of a request",
		"a `go` statement in a region's loop, whose goroutine is given something that the loop has got in the same round, and has no endless loop or serves a connection",
		"its goroutine; a connection that it was given is closed",
		Contain,
	}
	guardRequest = &guardRule{
		"goroutine that a request starts",
		"a `go` statement in a function that runs once per request, whose goroutine is given something of that request, or has no endless loop",
		"its goroutine; a connection that it was given is closed",
		Contain,
	}
)

// guardRules are the rules in the order of the documentation.
var guardRules = []*guardRule{guardHTTP, guardGRPC, guardAccept, guardLoop, guardRequest}

// unguarded is why what a rule is for has no guard, where that is no matter of how it
// is written.
type unguarded string

const (
	waitedFor   unguarded = "somebody may wait for what it does there, and would for ever"
	notInScope  unguarded = "its function is not in scope, so it is not known who waits for it"
	intercepted unguarded = "an interceptor recovers panics, and is to go on doing so"
)

// unguardeds explains them, in the order of the documentation.
var unguardeds = []struct {
	why  unguarded
	when string
}{
	{waitedFor, "A goroutine that, otherwise than in a deferred call, sends to or closes a channel that it was given, receives and drops a value (as a semaphore gives back a place), calls a WaitGroup's `Done`, or a function that it was given. In a deferred call a channel or WaitGroup that it was given counts, too, unless it is the goroutine of a connection: who waits for it would go on with what it has not done"},
	{notInScope, "A goroutine whose function is not in scope, or is a value"},
	{intercepted, "gRPC methods in a program that has an interceptor with a call of `recover`"},
}
