// Package look reads what the Go runtime knows of a program's goroutines,
// locks and channels out of the program's memory: of another process, which
// neither stops nor notices, or of one's own, by the very same code.
//
// Where things lie in that memory comes from the layout that weaving has put
// into the program (page.Layout); what an address of code is called comes from
// a Symbols, which a reader of ELF tables or the runtime itself can be.
//
// The memory changes while it is read. A goroutine is therefore read twice, and
// told as running if it moved in between; what makes no sense is an error and
// never followed. Nothing is written, no lock is taken, no signal sent.
//
// A Looker is for one goroutine at a time. The package decides nothing.
package look
