// Package supervise runs a program by the decisions of internal/supervise: it starts,
// stops and kills processes, waits for them, tells when they are ready, and holds
// their listening sockets. It decides nothing itself.
//
// What it guarantees:
//
//   - A supervisor that is killed, at any moment, leaves the program running and
//     unharmed, and the next one with the same state directory adopts it. A program
//     runs only once the state directory says so: what becomes it waits, in Launch,
//     for a byte, and ends if its supervisor ends before. So there are never two, and
//     never one that nobody knows of.
//   - Without a state directory there is none to adopt, and all else is the same.
//   - Processes that the program has started, and theirs, end with it: by a control
//     group where one can be made, else by its process group and by who descends from
//     it, which one that has left both escapes once its parent is gone.
//   - Processes are signalled by pidfd, never by a number that may have been given away.
//
// A Driver is run once, by one goroutine. Finding and Signal may be called by any.
// What a Watcher is asked to do is asked by that one goroutine.
package supervise
