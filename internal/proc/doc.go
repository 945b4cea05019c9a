// Package proc asks the kernel about one process: whether it may run, what a
// thread of it is about, and whether the file system or device that a system
// call works on answers anybody.
//
// It reads files below /proc and /sys and nothing else: no signal, no trace, no
// stat of a path that the process works on, for that may hang as the process
// does. What the kernel does not tell is an error in the answer, never a guess.
// A file below /proc can hang in rare cases too; Patient gives such a question
// up after a time.
package proc
