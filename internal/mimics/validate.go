package mimics

import (
	"strconv"
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

// places are those where a second look may be done.
var places = []event.Where{event.Here, event.Beside, event.Nearby, event.Memory, event.Loopback}

// validators are the places where an inquiry has the operation done.
func (q *inquiry) validators() []event.Where {
	switch q.s.deed {
	case event.DoDial, event.DoHandshake:
		return []event.Where{event.Loopback}
	case event.SeeConnection, event.SeeListener:
		if q.mimic.Address == "" || q.accepted {
			return nil
		}
		return []event.Where{event.Loopback, event.Here}
	case event.SeePool, event.SeeOwn:
		return nil
	}
	return []event.Where{event.Memory, event.Beside, event.Nearby}
}

// as returns the mimic that is to be done at a place: of what is only looked at, a
// new connection.
func (q *inquiry) as(where event.Where) event.Mimic {
	m := q.mimic
	if !m.Deed.Helpers() {
		m.Deed = event.DoDial
	}
	return m
}

// controlWord is whether the helper itself can work.
type controlWord int

const (
	controlWaits  controlWord = iota // it has not ended yet
	controlGood                      // it can
	controlBad                       // it cannot
	controlAbsent                    // that could not be tried
)

// control says whether the helper can do the same where nothing of the program's
// environment is in the way.
func (j *Judge) control(q *inquiry) controlWord {
	var where event.Where
	for _, at := range q.validators() {
		if at == event.Memory || at == event.Loopback {
			where = at
		}
	}
	if where == "" {
		return controlAbsent
	}
	if e := q.s.away[where]; e != nil {
		if e.known && j.age(e) >= j.floor {
			return controlBad
		}
		if _, answered := q.words[where]; !answered {
			return controlWaits
		}
	}
	w, answered := q.words[where]
	switch {
	case !answered:
		return controlWaits
	case w.out.End == event.Done && w.out.Took < j.floor:
		return controlGood
	case w.out.End == event.Unable:
		return controlAbsent
	}
	return controlBad
}

// does tells which step of an errand hangs or has failed, by the call that its thread
// stands in or by what the helper says: a write is made durable by a sync, and a sync
// writes something first. "" if it is neither.
func (q *inquiry) does() event.Deed {
	step := ""
	switch {
	case q.kind == hanging && q.errand != nil && q.errand.stand.last != nil:
		step = q.errand.stand.last.Call
	case q.kind == failing:
		step = q.out.Text
	}
	switch {
	case strings.HasPrefix(step, "fdatasync"), strings.HasPrefix(step, "fsync"):
		return event.DoSync
	case strings.HasPrefix(step, "pwrite"), strings.HasPrefix(step, "write"):
		return event.DoWrite
	}
	return ""
}

// culprit returns the subject that a finding names: another one of the same directory,
// if the step that hangs or fails is what the program does there.
func (j *Judge) culprit(q *inquiry) *subject {
	does := q.does()
	if does == "" || does == q.s.deed || q.s.deed != event.DoWrite && q.s.deed != event.DoSync {
		return q.s
	}
	for _, s := range j.order {
		if s.deed == does && s.work == q.s.work {
			return s
		}
	}
	return q.s
}

// own reports whether what hangs is what the program does, too: not that a file is made
// for the errand, which waits in the kernel for whoever stands in the directory.
func (q *inquiry) own() bool {
	return q.does() != "" || q.s.deed != event.DoWrite && q.s.deed != event.DoSync && q.s.deed != event.DoTruncate
}

// apter reports whether another errand that hangs at the same tells better what the
// program meets.
func (j *Judge) apter(q *inquiry) bool {
	if q.own() {
		return false
	}
	for _, other := range j.inquiries {
		if other.kind == hanging && other.errand != nil && other.verdict == "" && other.own() && other.key(j) == q.key(j) {
			return true
		}
	}
	return false
}

// about returns the mimic that a finding is about.
func (q *inquiry) about(culprit *subject) *event.Mimic {
	if culprit == q.s {
		return &q.mimic
	}
	return &culprit.mimic
}

// hangs returns the places, other than here, at which the same hangs as well.
func (j *Judge) hangs(q *inquiry) (at []event.Where) {
	for _, where := range []event.Where{event.Beside, event.Nearby} {
		if e := q.s.away[where]; e != nil && e.known && e.out.End == event.Hangs && j.age(e) >= j.floor+j.validation {
			at = append(at, where)
		}
	}
	return at
}

// fails returns the places, other than here, at which the same failed with the
// same error.
func (q *inquiry) fails() (at []event.Where) {
	for _, where := range []event.Where{event.Beside, event.Nearby} {
		if w, ok := q.words[where]; ok && w.out.End == event.Failed && w.out.Errno == q.out.Errno && w.out.Errno != "" {
			at = append(at, where)
		}
	}
	return at
}

// standsToo reports whether the program itself stands in the operation, by its
// marks, for as long as an errand that is told as stuck.
func (q *inquiry) standsToo(j *Judge) bool {
	return q.marks.since > 0 && j.clock.now-q.marks.since >= uncounted*j.floor && q.stood(j)
}

// passed reports whether the program has lately come out of the operation itself, in
// which it had been for longer than the floor, since the errand that hangs was given.
func (q *inquiry) passed(j *Judge) bool {
	for _, p := range q.places {
		if p.passed > q.errand.honest && j.clock.honest-p.passed < uncounted*j.floor {
			return true
		}
	}
	return false
}

// ownFailures returns how often the program's own operation has failed in the
// same way, since shortly before it was suspected, and the last of them.
func (q *inquiry) ownFailures(j *Judge) (int, failure) {
	total, newest := 0, failure{}
	for _, p := range q.places {
		n, last := p.failures.since(q.began-2*j.interval, func(f failure) bool { return q.alike(&f) })
		if total += n; n > 0 && last.at >= newest.at {
			newest = last
		}
	}
	return total, newest
}

// alike reports whether what the program's own operation has returned is what is
// suspected.
func (q *inquiry) alike(f *failure) bool {
	switch q.kind {
	case hanging, silent:
		return timedOut(f)
	case failing:
		return sameError(&q.out, f)
	}
	return q.kind == refusing
}

// speaks reports whether an error says by itself that something is wrong with
// what the operation is on.
func speaks(errno string) bool {
	switch errno {
	case "ENOSPC", "EROFS", "EIO", "EDQUOT", "ESTALE":
		return true
	}
	return false
}

// network reports whether the operation is one with a peer, for which networks
// may be at fault.
func (q *inquiry) network() bool {
	switch q.s.deed {
	case event.DoDial, event.DoHandshake, event.SeeConnection, event.SeeListener, event.SeePool:
		return true
	}
	return false
}

// judgeHanging decides about an errand that hangs.
func (j *Judge) judgeHanging(q *inquiry, c controlWord) {
	e := q.errand
	if e == nil {
		j.drop(q, 0)
		return
	}
	age := j.age(e)
	kernel := e.stand.word(j)
	moves := kernel == kernelMoves || q.passed(j)
	if moves || c == controlWaits {
		if moves && age >= j.fallback {
			j.tell(q, event.Slow, event.Inferred)
		}
		return
	}
	need := uncounted * j.floor
	if d := j.deadline(e) + j.validation; d > need {
		need = d
	}
	n, _ := q.ownFailures(j)
	program := q.standsToo(j) || n > 0 || j.silentTo(q)
	agrees := program || kernel == kernelStalls || kernel == kernelDoubts && age >= j.fallback
	if c == controlGood && len(j.hangs(q)) > 0 && age >= j.fallback {
		agrees = true // on a slow disk all places are slow
	}
	switch {
	case agrees && age >= need && q.stood(j):
		if age < need+2*j.floor && j.apter(q) {
			return // that is told, and this is of its episode
		}
		j.tell(q, event.Stuck, event.Inferred)
	case age >= j.fallback && !agrees && q.indirect():
		j.forgive(q)
	case age >= j.fallback && !agrees:
		j.tell(q, event.Unknown, event.Undecided)
	}
}

// forgive drops an inquiry of which nothing is told. What hangs on is not suspected anew.
func (j *Judge) forgive(q *inquiry) {
	if e := q.errand; e != nil {
		e.quiet = 1 << 62
	}
	j.drop(q, weary*j.interval)
}

// indirect reports whether the program may not come there at all, and has met nothing
// that would say that it does: its client has a proxy, perhaps.
func (q *inquiry) indirect() bool {
	if q.mimic.Numbers[event.Indirect] == 0 || q.verdict != "" || q.marks.since > 0 {
		return false
	}
	for _, p := range q.places {
		if len(p.failures.last) > 0 {
			return false
		}
	}
	return true
}

// silentTo reports whether a connection to the address of an inquiry is silent.
func (j *Judge) silentTo(q *inquiry) bool {
	for _, other := range j.inquiries {
		if other.kind == silent && !other.closed && q.mimic.Address != "" && other.mimic.Address == q.mimic.Address &&
			j.clock.honest-other.began >= uncounted*j.floor {
			return true
		}
	}
	return false
}

// judgeFailing decides about an operation that fails.
func (j *Judge) judgeFailing(q *inquiry, c controlWord) {
	if q.bad < more || !q.stood(j) || c == controlWaits {
		return
	}
	n, _ := q.ownFailures(j)
	agrees := n > 0 || speaks(q.out.Errno) || c == controlGood && len(q.fails()) > 0
	if q.out.Errno == "EROFS" && !q.s.worked {
		agrees = n > 0 // a file that can be written to may be mounted into a file system that cannot
	}
	if q.network() {
		agrees = n >= more && q.age(j) >= j.fallback
	}
	switch {
	case agrees:
		j.tell(q, event.Wrong, event.Inferred)
	case q.age(j) >= j.fallback && q.indirect():
		j.forgive(q)
	case q.age(j) >= j.fallback:
		j.tell(q, event.Unknown, event.Undecided)
	}
}

// memory is for how long a difference is remembered.
const memory = int64(600e9)

// judgeDiffering decides about a difference between what was written and what is
// read.
func (j *Judge) judgeDiffering(q *inquiry, c controlWord) {
	if len(q.s.differs) < more || c == controlWaits {
		return
	}
	if c == controlAbsent {
		j.tell(q, event.Wrong, event.Inferred)
		return
	}
	j.tell(q, event.Wrong, event.Proven)
}

// judgeSlowing decides about an operation that takes longer than it used to.
func (j *Judge) judgeSlowing(q *inquiry, c controlWord) {
	if !q.s.usual.leaves(j.floor) {
		j.drop(q, 0)
		return
	}
	if q.verdict != "" || c != controlGood || q.bad < more || !q.stood(j) {
		return
	}
	w := q.words[event.Memory]
	if q.network() {
		w = q.words[event.Loopback]
	}
	if 2*w.out.Took > q.s.usual.middle() {
		j.drop(q, weary*j.interval) // the machine is slow
		return
	}
	j.tell(q, event.Slow, event.Inferred)
}

// judgeLooked decides about what is only looked at.
func (j *Judge) judgeLooked(q *inquiry, c controlWord) {
	l := &q.s.looks
	// Of a function that hangs there is one look, until it ends.
	if l.bad == 0 || j.clock.honest-l.last > stale*j.interval && !l.hangs() {
		j.drop(q, 0)
		return
	}
	if !q.stood(j) || c == controlWaits {
		return
	}
	age := j.clock.honest - l.honest
	n, _ := q.ownFailures(j)
	switch {
	case q.kind == silent && !q.accepted && c == controlGood && age >= uncounted*j.floor && j.unreachable(q):
		j.tell(q, event.Stuck, event.Inferred)
	case q.kind == refusing && l.panicked():
		j.tell(q, event.Unknown, event.Undecided)
	case q.kind == refusing && l.hangs():
		if q.standsToo(j) {
			j.tell(q, event.Stuck, event.Inferred)
		} else if age >= j.fallback {
			j.tell(q, event.Unknown, event.Undecided)
		}
	case q.kind == refusing && (q.s.deed == event.SeeOwn || n > 0):
		j.tell(q, event.Wrong, event.Inferred)
	case age >= j.fallback:
		j.tell(q, event.Unknown, event.Undecided)
	}
}

// ephemeral is from what port on the kernel gives ports to those that connect, unless
// it is told otherwise (net.ipv4.ip_local_port_range).
const ephemeral = 32768

// accepted reports whether a connection may be one that the program has accepted: then
// nobody listens at its other end, and that it cannot be dialled says nothing. It is one
// that the program has made if the program dials that address elsewhere, or if its
// ports are such, and no other connection and no listener has the same one here.
func (j *Judge) accepted(s *subject) bool {
	m := &s.mimic
	local := m.Numbers["local"]
	outgoing := local >= ephemeral && port(m.Address) < ephemeral
	for _, other := range j.order {
		o := &other.mimic
		switch other.deed {
		case event.DoDial, event.DoHandshake:
			if o.Address == m.Address {
				return false
			}
		case event.SeeListener:
			outgoing = outgoing && port(o.Address) != local
		case event.SeeConnection:
			outgoing = outgoing && (o.Numbers["local"] != local || o.Address == m.Address)
		}
	}
	return !outgoing
}

// port returns the port of an address, more than there is if it has none.
func port(address string) int64 {
	n, err := strconv.ParseUint(address[strings.LastIndexByte(address, ':')+1:], 10, 16)
	if err != nil {
		return 1 << 16
	}
	return int64(n)
}

// unreachable reports whether new connections to the same address fail, or hang,
// for the window.
func (j *Judge) unreachable(q *inquiry) bool {
	for _, other := range j.inquiries {
		if other.kind == hanging && other.errand != nil && other.mimic.Address == q.mimic.Address && q.mimic.Address != "" &&
			j.age(other.errand) >= uncounted*j.floor {
			return true
		}
	}
	if e := q.s.away[event.Here]; e != nil && e.known && e.out.End == event.Hangs && j.age(e) >= j.floor+j.validation {
		return true
	}
	return q.dials >= more && j.clock.honest-q.dialt >= j.validation
}
