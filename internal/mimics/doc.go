// Package mimics judges what a program's mimic checkers meet: operations of the
// program's, done again by a helper process with copies of their arguments, or
// looked at where they cannot be done again.
//
// A Judge is pure: it is told what the checkers came to and what became of the
// errands of the helper, by Step, and answers with errands to be done and with what
// it concludes. It reads no clock, starts no goroutine and does no I/O; the same
// steps give the same actions. A Judge serves one process and one caller at a time.
//
// # Time
//
//  1. An interval between two steps that is longer than the validation window and of
//     which more than two thirds were late, or that is not positive, is void: it counts for nobody, what must stand has to stand
//     anew, and what ended in it teaches nothing. What is left is honest time. An
//     errand is as old as the helper says, and not older than the honest time since
//     it was given.
//
// # Errands
//
//  2. A mimic with a helper's deed becomes an errand, done where the program does it.
//     Only a site's newest mimic is kept. One at a time is outstanding of a site. A
//     checker one of whose errands hangs gets no other, so none that hangs is started
//     again.
//  3. What several sites would do in the same directory, or to the same file or
//     address, is done once in an interval; they take turns, who has waited longest
//     first. To write and to make durable is the same. What the program itself stands
//     in for longer than the floor, by its marks, or has just got an error from, is done at
//     once. Errands are bounded a second, and none is given while too many hang;
//     second looks go first, and are bounded too.
//  4. Unable says nothing of the program, ever, nor does an error of the name or of
//     the helper's own limits (ENOENT, EACCES, EMFILE and their like): it is counted,
//     the site rests. An errand of which the helper says nothing for the fallback
//     budget is lost, and says nothing either; one that nobody suspects may wait in the
//     helper nine times as long until it is begun.
//
// # Suspicion
//
//  5. An errand hangs if it has not ended at its deadline: the floor, or ten times
//     what all but the slowest percent at this site and target took. What was told as
//     stuck teaches nothing.
//  6. It fails, or what is read back differs from what was written.
//  7. It is slow if the middle of the last sixteen is above twice what all but the
//     slowest percent of those before took, of at least 64, and above a fiftieth of
//     the floor; unless the program's region runs more than twice as often as then, by
//     its marks or else by how often its checker comes: that is load (ADR, NSDI 2025).
//  8. A connection is silent if in three looks in a row, over more than the floor,
//     bytes were not acknowledged, none for longer than the floor, and more and more
//     often sent again; or if its send queue never shrank. A listener is full if its
//     accept queue was in three looks, a pool is exhausted if all of its connections
//     were in use and more and more waited. A ping by a pool, or a function of the
//     author's, fails if it does in three looks in a row, or is given up once.
//  9. What the program's own operations return as errors, and that goroutines or the
//     heap grow, suspects nobody. It is evidence for the rest.
//
// # Validation
//
//  10. A control is asked for at once: the same in memory, for a connection the same
//     to the helper's own listener. If that hangs, fails, differs or takes longer than
//     the floor, the helper cannot work itself, and the suspicion is dropped.
//  11. The same beside and nearby tells how far it reaches: this file or directory, or
//     its device. It is asked again once an interval while it is open what is the case.
//  12. The kernel says of a hanging errand's thread what it stands on. It agrees if that
//     had work in flight in each of its readings and finished none, from reading to
//     reading, for the validation window, in which the thread has not run; of what does
//     not count what it finishes (FUSE), for four times the floor. If the thing
//     has finished some within four times the floor, or is held back by a limit, or the
//     thread runs, it is slow, whatever the rest say; and so it is if the program has
//     come out of the operation within that time, in which it was for longer than the
//     floor. Of a peer, or of what is
//     frozen, the kernel's word counts after the fallback budget.
//  13. What failed or differed is done again, and again, until two more have ended and
//     the window is over.
//  14. The program's own word agrees if it stands in the same operation for four times
//     the floor (marks), or if the same operation has returned the same error, or a
//     time-out where the errand hangs, since shortly before the first failure.
//
// # Verdicts
//
//  15. Stuck, inferred: the errand hangs for four times the floor, and for its
//     deadline and the window, and the kernel agrees, or the program stands there
//     itself, or, after the fallback budget, another place hangs too: on a slow disk
//     all places are slow. It is a verdict on the environment: that the
//     program may not have come there yet is said, unless it has. The fallback is the
//     budget for what the network does, unless the program itself agrees. What hangs
//     and moves is slow, and that it ends refutes everything.
//  16. Wrong, inferred: it fails again and again with the same error, which is one that
//     speaks for itself (ENOSPC, EIO, EDQUOT, ESTALE, and EROFS where it has succeeded before), or meets another place as
//     well, or the program itself. For what the network does the fallback is the budget, and
//     the program must have met it twice. What an author's function says three times
//     in a row is wrong on its author's word.
//  17. Wrong, proven: what was read back is not what was written, twice, in two files,
//     while in memory it is. It follows from no waiting and no budget: the two
//     copies are there and differ, and the control says that it is not the helper's
//     own memory. Without a control it is inferred. One difference is remembered for ten
//     minutes, whatever succeeds in between: silent corruption is nothing that a program
//     tolerates.
//  18. Stuck, inferred: a connection is silent for four times the floor, and new ones to
//     the same address fail or hang for the window; either speaks for the other. That is
//     asked only of connections that the program has made: at the other end of one that
//     it has accepted nobody listens. By its ports, or by what the program dials elsewhere,
//     it must be clear that it has made it. A connection alone, a listener that
//     is full, a pool that is exhausted, and a checker or a function of the author's
//     that has panicked are unknown.
//  19. Unknown: what lasts for the fallback budget and has no agreeing word, or
//     contradicting ones. Slow takes no action either. An error that the program
//     tolerates is counted and not told: the operation has succeeded in between.
//     Of an address that the program may not connect to itself (Indirect: by a proxy, or
//     in a way of its client's own) nothing is told before the program has met something.
//  20. Slow is never stuck, and without a validator's word there is no finding that
//     takes an action.
//
// # Telling
//
//  21. What hangs at the same thing of the kernel's, or fails with the same error on
//     the same device, or in the same directory or at the same address, is one
//     episode, told once, and again only if more is certain. While it lasts, the
//     operation is tried once an interval, unless it hangs. When it has succeeded
//     twice, over the window (four times after a difference), everywhere, that is
//     told; when it can no longer be tried, that is unknown.
//  22. Numbers of episodes begin above 1<<32, so that they are not those of the judge of
//     marks; Config may give others.
//  23. A finding names the site of the step that hangs or fails: a write whose thread
//     stands in an fsync is told as the fsync that the program does in that directory.
//  24. What a finding says of paths and addresses is redacted as Config says; of data it
//     has the length and a short hash.
package mimics
