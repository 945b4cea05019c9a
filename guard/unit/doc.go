// Package unit is what package guard is made of, without package net/http: units of
// work, whose panics end them and not the program. Programs import guard; what
// `lifesign build -guard` weaves into a program calls this package, also where that
// program knows no network.
//
// All functions may be called by any number of goroutines. What is promised is
// documented in package guard.
package unit
