// Package judge draws verdicts from samples of a program: who waits for whom,
// where that ends, and what follows.
//
// A Judge is pure. It is told what was seen, by Step, and answers with what it
// concludes and with what it wants to see in the next sample: goroutines to
// look at freshly, words of locks to read, or all goroutines. It reads no clock,
// starts no goroutine and does no I/O; time is that of the samples. The same
// samples give the same actions. A Judge serves one process and one caller at a time.
//
// # Time
//
//  1. An interval between two samples that is longer than three periods, or not
//     positive, or has the process paused at either end, is void: it counts for
//     nobody, and what must stand through a window has to stand anew. What is
//     left is honest time. A program that uses no processor is not paused. Of a
//     watcher that takes longer periods on purpose the sample says by how much it
//     was late; then the rest is the period.
//  2. An occurrence is a goroutine, a sequence number, a site and an object.
//     Its time is the honest time since the judge saw it first; the page's own
//     times are told, never counted.
//  3. A sample may be torn. An occurrence that one sample does not show is
//     remembered, but has not stood; one that two do not show is forgotten.
//
// # Structure
//
//  4. A goroutine whose newest record that is not held is one of a lock waits
//     on it, unless its site is idle. It is followed from one period before
//     the floor, so that answers are there when the floor is reached.
//  5. Who waits on a lock waits for all that hold it, itself among them. If the
//     lock's word says that somebody holds it alone, that is the one with such
//     a record. If it says that a writer is pending, these are the readers; and
//     who wants to read waits for the queued writers, who wait for the readers.
//     Without a word, the last one or the records serve as a guess.
//  6. If n goroutines are on record as readers and the word says that k read,
//     n−k records must be out of date, and nobody knows which.
//  7. A lock is dead if more holders than records that must be out of date are
//     hopeless. Hopeless is who waits on a dead lock, who is in an operation
//     that nothing can serve (select {}, a nil channel), and who is gone with
//     the lock in hand. Of all sets of locks that agree with this, the largest
//     is meant: so a wait cycle is dead.
//  8. A lock that was once released by a goroutine that had not taken it, or
//     that two records claim to hold alone, is not dead: its holder is not
//     known. That records may be missing changes nothing in what follows from
//     those that are there; where none is there it is said. A hold whose lock
//     is confined is left behind once looks show that its goroutine is no longer
//     in the function that took it: nobody else releases it. Its holder is gone,
//     as far as that lock goes, wherever it is.
//
// # Calls
//
//  9. A call at a site where one has come to its end before, and that has been
//     in flight for the floor, is looked at. Where none has, it may be one that
//     never should. A select {} inside of a call is judged as the call.
//  10. It is hopeless if the runtime says that nothing can serve it. It has
//     stalled, which makes those who wait for it hopeless too, if it is in a
//     system call whose thread has neither run nor been switched from look to
//     look, while what the call works on had requests in flight and completed
//     none, for the window, and the call is older than its budget.
//  11. The budget is the floor (four times that for a resource that does not count
//     what it completes), or ten times what all but the slowest percent of the
//     calls at this site took that took so long that samples showed them. What
//     was told as stuck teaches nothing.
//
// # Service
//
//  12. Who waits on a channel, a WaitGroup or a Cond waits for a service that the
//     site names by class, any of several in a select. If one that does work has
//     waited for its budget, all goroutines are looked at, and looked at again
//     after half the window.
//  13. The hopeless are the largest set such that each waits for a lock of one of
//     them, as above, or for a service that, by the calls in the program's
//     source, nobody outside of the set comes to: neither by its stack, nor by
//     the function it began with if it runs and shows none, nor by what the
//     runtime starts by itself. Whose stack has a function that the source did
//     not show may come to anything.
//     Where somebody may come, but the endless loop that used to serve it has
//     ended and no stack has a function in which it is served, the fallback
//     budget decides: a worker has died, and its queue fills.
//  14. A class that is not known may be served by anybody. A wait for what nothing
//     in the program ever sends is a way to park a goroutine and is not told.
//  15. Two censuses in a row that leave it no hope make stuck, inferred. What hangs
//     together is one finding; who hopes for somebody that was told is no news.
//
// # Proof
//
//  16. A core is the part of a dead ending that it takes: of each lock one holder
//     more than there are records out of date, what those wait on, and so on.
//     It is stuck, proven, when in one sample all of it is confirmed:
//     every wait has stood for the floor and then the window; every hold,
//     and every goroutine that waits for no lock, for the window; every
//     goroutine was looked at twice in that window with its lock's word, the
//     last time now, and each look agreed; no other cell claims to be it.
//  17. A look agrees with a wait if the goroutine is parked for a reason that
//     fits the kind of lock, on an address inside it if one is known, with a
//     frame at the site's line in a file of the site's name, and the word says
//     that there is something to wait for. It agrees with an end if the
//     runtime's wait reason says that nothing can serve it, or if it is gone.
//  18. A look, or a word, that contradicts a wait starts the wait's time anew,
//     and the sample is judged without it.
//  19. A look or a word that could not be had leaves it unproven. So does a hold
//     whose site is paired while no frame of its holder is in the site's file:
//     who has left the function that releases a lock has released it.
//  20. It is proven only if every hold in it is paired or confined. Where a lock
//     may rightly be released by a goroutine that is in no chain, stuck is
//     inferred, and told after the longer budget. The same holds for an orphan
//     that rule 8 doubts.
//
// # Telling
//
//  21. Proven is told at once. Everything else waits until somebody has waited
//     for the fallback budget, was looked at then, and has not been told of:
//     slow, if the end of the chain runs, wants to run, or moved within the
//     budget; unknown, if it stands in something else, if no holder is known,
//     or if a confirmation is missing.
//  22. All that wait on a lock have one ending. While chains end at the same
//     locks it is one episode, told once, and again only when more is certain:
//     slow or unknown, inferred, proven. Who comes later is not news. When no
//     sample shows the ending, or a goroutine of a core that was told moves, it
//     is over, and what comes after it is told.
//  23. Looks are asked for in every sample from when a dead ending is followed
//     until it is decided; where they left it open, once in a second, and
//     before the fallback budget is up.
//  24. A lock that is not released where it is taken, and whose holder was seen
//     outside of the package that took it in every look for the fallback budget,
//     is stuck, inferred: it seems forgotten.
//  25. When an occurrence that was told as stuck is over, that is told too, once.
//
// A deadlock is thus told at most the floor, the window and two periods after
// it came to be.
package judge
