// Package hook is what woven code calls: it notes in the vitals page which
// operation a goroutine is in, which locks it holds and which regions it goes
// through. Nobody calls it by hand; `lifesign build` puts the calls in.
//
// It keeps these promises to the program that it is woven into:
//
//  1. No function blocks, allocates, takes a lock or makes a system call on a
//     path that the program would not have blocked on by itself. (Two slow
//     paths allocate or lock: Register, once a package, and the values that
//     LockFunc and its like return, where the plain method value allocates too.)
//  2. No function panics except as the plain operation would. A broken
//     invariant switches a note off, never the program.
//  3. The program's locks are taken once, by the very call that was there
//     before: hooks never try a lock.
//  4. A panic or runtime.Goexit through a hook leaves no record behind. Where
//     the unwinding passes over the program's own frames, Here and Unwind see
//     to it.
//  5. On another architecture, or under another runtime than the one it was
//     woven for, a hook does nothing. Without an agent it notes into memory that
//     nobody reads.
//  6. Arguments are copied only when a mimic checker has asked for them (Wanted),
//     once each time that it asks, by the goroutine that does the operation.
//     That allocates. What the operation is done with is kept weakly.
//
// Every function may be called from any goroutine at any time.
//
// # How a goroutine finds its cell
//
// One load from the thread's storage gives the address of the runtime's g
// structure, which is never freed and is used by one goroutine at a time, and
// with it the goroutine's number. Each g claims a cell of the page once; from
// then on its goroutine is the cell's only writer. So notes are plain stores,
// and who holds a lock is known exactly, not guessed from sequence numbers.
package hook
