// Package observe samples a program from outside: it makes the vitals page that
// the program inherits, and names the program's code by its symbols. What is
// read with these, package sample puts together.
//
// Watching never stops, signals or traces the program. Goroutines and lock
// words are read with process_vm_readv, which a parent may do with its child
// and which the child cannot notice. What is read while it changes is told as
// moving, never as a fact; what may not be read is told as unknown, with the
// reason.
//
// A sampler is for one goroutine at a time. What may hang in the kernel is asked
// in threads that are given up.
package observe
