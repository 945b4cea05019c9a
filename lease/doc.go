// Package lease is for work of which only one may do it at a time, and which must
// not do harm when that one was replaced while it slept.
//
// A lease is the right to act until a time. A clock narrows the window in which two
// believe that they have it, and never closes it: a holder that is stopped between
// looking at the clock and writing writes whenever it wakes up. What closes it is a
// fencing token, a number that grows with each holder, in stores that refuse lower
// ones, from the moment at which they have heard of the new one. So there are three
// parts, and each is needed:
//
//	l, err := lease.Hold(ctx, lease.Config{Keeper: keeper})     // the clock
//	term, err := l.Open(ctx, accounts, journal)                 // the barrier
//	err = term.Do(ctx, func(ctx context.Context, token lease.Token) error {
//		return accounts.Write(ctx, token, …)                    // the token
//	})
//
// There is no way to a token and to work but through Open, which sends a barrier
// with the token to every store first. Without it, a store takes what an old holder
// sends for as long as the new one has not written: measured, 60 of 60.
//
// # The clock
//
// A lease counts from before the request for it was sent, by a clock that goes on
// while the machine is suspended (CLOCK_BOOTTIME), and ends earlier by what the
// keeper's clock may go faster (Terms.Rate). Its last part, the margin, belongs to
// ending. The rules, of which Machine is all:
//
//  1. Held: before the margin. Work may begin if it can end before the margin.
//  2. Doubtful: in the margin. Nothing begins; what runs is cancelled.
//  3. Lost: at the end; when nobody has it; and after a pause, until a request that
//     was sent after the pause is granted. A pause is said by who sees one (package
//     pause), or shows as a step that is late by more than Terms.Late, or as a clock
//     that goes backwards.
//  4. An answer counts from when its request was sent, answers may come in any
//     order. Of what the keeper grants to a token, the least counts.
//  5. Once the keeper has said that a token has the lease no more, or it was given
//     back, no answer brings it to life again. The next token must be larger.
//  6. What was read counts if the lease is held after it was read, by the same
//     token: who was stopped meanwhile finds out.
//
// # The store
//
// Fence is the store's side: it knows the highest token that it has seen and lets
// writes happen in the step in which their token is checked. When its barrier has
// returned, nothing of lower tokens is under way any more. Package fencehttp has it
// for services, package fencesql for databases. A store that cannot check is Weak.
//
// # What no clock can see
//
// A hypervisor can stop a machine with every clock that it has, and when it goes on
// not even a late step shows. Tokens hold all the same; reads do not, unless they
// too go by a store that checks tokens. The tests' model has such pauses, and finds
// each of the rules' absence: no margin, no barrier, counting from the answer, no
// look after reading, a clock that stops in suspend.
//
// # Guarantees
//
// Machine and Token do no I/O and know no clock. Nothing here writes files but File,
// and nothing takes a lock while it calls the caller's code. The package has the
// standard library's parts only, and not net.
package lease
