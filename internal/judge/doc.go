// Package judge draws verdicts from samples of a program: who waits for whom,
// where that ends, and what follows.
//
// A Judge is pure. It is told what was seen, by Step, and answers with what it
// concludes and with what it wants to see in the next sample: goroutines to
// look at freshly, words of locks to read. It reads no clock, starts no
// goroutine and does no I/O; time is that of the samples. The same samples give
// the same actions. A Judge serves one process and one caller at a time. It
// follows waits for locks; what channels, calls and resources wait for is not
// evidence that it has, so a chain that ends there ends in unknown.
//
// # Time
//
//  1. An interval between two samples that is longer than three periods, or not
//     positive, or has the process paused at either end, is void: it counts for
//     nobody, and what must stand through a window has to stand anew. What is
//     left is honest time. A program that uses no processor is not paused.
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
//     those that are there; where none is there it is said.
//
// # Proof
//
//  9. A core is the part of a dead ending that it takes: of each lock one holder
//     more than there are records out of date, what those wait on, and so on.
//     It is stuck, proven, when in one sample all of it is confirmed:
//     every wait has stood for the floor and then the window; every hold,
//     and every goroutine that waits for no lock, for the window; every
//     goroutine was looked at twice in that window with its lock's word, the
//     last time now, and each look agreed; no other cell claims to be it.
//  10. A look agrees with a wait if the goroutine is parked for a reason that
//     fits the kind of lock, on an address inside it if one is known, with a
//     frame at the site's line in a file of the site's name, and the word says
//     that there is something to wait for. It agrees with an end if the
//     runtime's wait reason says that nothing can serve it, or if it is gone.
//  11. A look, or a word, that contradicts a wait starts the wait's time anew,
//     and the sample is judged without it.
//  12. A look or a word that could not be had leaves it unproven. So does a hold
//     whose site is paired while no frame of its holder is in the site's file:
//     who has left the function that releases a lock has released it.
//  13. It is proven only if the site of every hold in it is paired. Where a lock
//     may rightly be released by a goroutine that is in no chain, stuck is
//     inferred, and told after the longer budget. The same holds for an orphan
//     that rule 8 doubts.
//
// # Telling
//
//  14. Proven is told at once. Everything else waits until somebody has waited
//     for the fallback budget, was looked at then, and has not been told of:
//     slow, if the end of the chain runs, wants to run, or moved within the
//     budget; unknown, if it stands in something else, if no holder is known,
//     or if a confirmation is missing.
//  15. All that wait on a lock have one ending. While chains end at the same
//     locks it is one episode, told once, and again only when more is certain:
//     slow or unknown, inferred, proven. Who comes later is not news. When no
//     sample shows the ending, or a goroutine of a core that was told moves, it
//     is over, and what comes after it is told.
//  16. Looks are asked for in every sample from when a dead ending is followed
//     until it is decided; where they left it open, once in a second, and
//     before the fallback budget is up.
//
// A deadlock is thus told at most the floor, the window and two periods after
// it came to be.
package judge
