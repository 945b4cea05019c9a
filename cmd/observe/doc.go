// Package observe samples a program from outside: its vitals page, the Go
// runtime's own data about goroutines and locks, and what the kernel says of
// the process. It decides nothing; package judge does.
//
// Watching never stops, signals or traces the program. Goroutines and lock
// words are read with process_vm_readv, which a parent may do with its child
// and which the child cannot notice. What is read while it changes is told as
// moving, never as a fact; what may not be read is told as unknown, with the
// reason.
//
// A Sampler is for one goroutine at a time. What may hang in the kernel is asked
// in threads that are given up.
package observe
