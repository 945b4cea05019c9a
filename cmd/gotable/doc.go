// Package gotable reads the line table that every Go program carries, stripped
// or not: which function, file and line an instruction belongs to, also where
// the compiler has put functions into one another, and how deep the stack is
// there.
//
// Addresses are those in the file. A program that was loaded elsewhere (PIE) has
// a bias, which is the caller's affair. The file is not trusted: a table that
// makes no sense gives an error or no answer. A Table may be used concurrently.
package gotable
