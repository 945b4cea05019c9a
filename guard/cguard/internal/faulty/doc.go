// Package faulty has C functions that crash in every way, for tests: files of tests
// cannot hold C themselves. What calls them without a guard dies.
package faulty
