// Package event is the vocabulary of lifesign: what is sampled, what is
// concluded from it and how a conclusion is told. It holds plain data and no
// behaviour beyond naming it; every other package speaks in its words.
//
// Times are CLOCK_MONOTONIC nanoseconds unless a field says otherwise. Values
// are not safe for concurrent use while somebody writes them; nothing in this
// package keeps a reference to what it is given.
package event
