package errands

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/clock"
)

// loop decides which errand is sent when, and watches those that are under way.
type loop struct {
	h       *Helper
	mine    place // where the agent is
	running map[uint64]*running
	waiting []waiting
	budgets budgets
	held    held
	watcher watcher
	mounts  mountTable
	child   *child // nil if there is none
	looked  int64  // when last it was looked where the program is
	turned  int64  // when the last turn was
	left    int    // helpers that hang in the kernel
	starts  starts
	clean   []string // names that a helper may have left
	alone   bool     // the program has ended
}

// waiting is an errand that has not been sent.
type waiting struct {
	event.Errand
	since     int64
	postponed bool
}

// running is an errand that was sent.
type running struct {
	event.Errand
	sent, begun  int64 // 0 if it has not begun
	held         int64 // time in which the helper or the agent was stopped
	next         int64 // how long it has lasted when it is told the next time
	thread       int
	major, minor uint32
	placed       bool // major and minor are known
	name         string
	told, mute   bool
	link         string  // what the program's descriptor leads to
	budget       *budget // that it is charged to, nil if it is not
	charged      int64
}

// lasted returns how long an errand is under way, without what counts against nobody.
func (r *running) lasted(now int64) int64 {
	from := r.begun
	if from == 0 {
		from = r.sent
	}
	return now - from - r.held
}

func (l *loop) run() {
	defer close(l.h.ended)
	timer := time.NewTimer(turn)
	defer timer.Stop()
	for {
		var tick <-chan time.Time
		switch {
		case len(l.running)+len(l.waiting) > 0:
			timer.Reset(turn)
			tick = timer.C
		case len(l.held.files) > 0:
			timer.Reset(lookAgain)
			tick = timer.C
		}
		select {
		case <-l.h.done:
			l.end()
			return
		case f := <-l.h.events:
			f()
		case <-l.h.wake:
		case <-tick:
		}
		l.turn(clock.Monotonic())
	}
}

// turn does all that there is to be done now.
func (l *loop) turn(now int64) {
	l.take(now)
	l.hold(now)
	for _, r := range l.running {
		l.watch(r, now)
	}
	l.turned = now
	l.letGo(now)
	kept := l.waiting[:0]
	for _, w := range l.waiting {
		if l.dispatch(&w, now) {
			kept = append(kept, w)
		}
	}
	for i := len(kept); i < len(l.waiting); i++ {
		l.waiting[i] = waiting{}
	}
	l.waiting = kept
	l.h.count(func(c *Counts) {
		c.Waiting, c.Left, c.Hanging = len(l.waiting), l.left, l.hanging()
	})
}

// take takes what callers have asked for.
func (l *loop) take(now int64) {
	l.h.mu.Lock()
	queue, abandoned := l.h.queue, l.h.abandoned
	l.alone = l.alone || l.h.outlives
	l.h.queue, l.h.abandoned = nil, nil
	l.h.mu.Unlock()
	for _, e := range queue {
		l.replace(e)
		l.waiting = append(l.waiting, waiting{Errand: e, since: now})
	}
	for _, id := range abandoned {
		if r := l.running[id]; r != nil {
			r.mute = true
		}
		for i, w := range l.waiting {
			if w.ID == id {
				l.waiting = append(l.waiting[:i], l.waiting[i+1:]...)
				break
			}
		}
	}
}

// key is what there is one errand of at a time: an operation of the program's, done
// somewhere.
type key struct {
	file  string
	line  int
	deed  event.Deed
	where event.Where
}

func keyOf(e event.Errand) key {
	return key{e.Mimic.Site.File, e.Mimic.Site.Line, e.Mimic.Deed, e.Where}
}

// replace ends an errand that waits if e is a newer one of the same.
func (l *loop) replace(e event.Errand) {
	for i, w := range l.waiting {
		if w.Where == event.Here && keyOf(w.Errand) == keyOf(e) {
			l.h.count(func(c *Counts) { c.Replaced++ })
			l.h.say(outcome(w.Errand, event.Unable, "a newer one of the same operation has taken its place"))
			l.waiting = append(l.waiting[:i], l.waiting[i+1:]...)
			return
		}
	}
	if len(l.waiting) >= maxWaiting {
		l.h.say(outcome(l.waiting[0].Errand, event.Unable, "too many errands wait"))
		l.waiting = l.waiting[1:]
	}
}

// hold finds out how much of the time since the last turn counts against nobody: the
// helper was stopped or frozen, or the agent itself did not run.
func (l *loop) hold(now int64) {
	since := now - l.turned
	if len(l.running) == 0 || since <= 0 {
		return
	}
	held := int64(0)
	if since > int64(maxLate) {
		held = since - int64(turn)
	}
	if l.child != nil && l.child.pulse != nil && l.child.pulse.Process().Paused != "" {
		held = since
	}
	if held == 0 {
		return
	}
	for _, r := range l.running {
		if from := r.lasted(now); held < from {
			r.held += held
		} else if from > 0 {
			r.held += from
		}
	}
}

func (l *loop) hanging() (n int) {
	for _, r := range l.running {
		if r.told {
			n++
		}
	}
	return n
}

// watch tells of an errand that takes long. A thread that could run and has no
// processor does not hang.
func (l *loop) watch(r *running, now int64) {
	lasted := r.lasted(now)
	if r.begun == 0 {
		if lasted > int64(2*patience) && l.child != nil {
			l.retire("the helper does not take what it is sent")
		}
		return
	}
	if lasted < r.next {
		return
	}
	r.next = lasted - lasted%int64(hangAfter) + int64(hangAfter)
	if l.child == nil || l.child.patient == nil {
		return
	}
	th := l.child.patient.Thread(r.thread)
	if th.State == "R" {
		return
	}
	if !r.told {
		r.told = true
		l.h.count(func(c *Counts) { c.Hung++ })
	}
	if r.mute {
		return
	}
	o := outcome(r.Errand, event.Hangs, "")
	o.Took, o.Thread, o.Device = lasted, &th, l.device(r)
	l.h.say(o)
}

// device names what an errand works on.
func (l *loop) device(r *running) string {
	if !r.placed {
		return l.mounts.at(r.Mimic.Path)
	}
	return l.mounts.number(r.major, r.minor)
}

// dispatch sends an errand, if the time has come. It reports whether it waits on.
func (l *loop) dispatch(w *waiting, now int64) bool {
	k := keyOf(w.Errand)
	for _, r := range l.running {
		if keyOf(r.Errand) != k {
			continue
		}
		if r.told {
			return l.unable(w, fmt.Sprintf("the one before hangs still, for %v", time.Duration(r.lasted(now)).Round(time.Millisecond)))
		}
		return true
	}
	if l.hanging() >= maxHanging {
		return l.unable(w, fmt.Sprintf("%d errands hang already", maxHanging))
	}
	var budget *budget
	if w.counted() {
		budget = l.budgets.of(path.Dir(w.Mimic.Path), now)
	}
	if budget != nil && !budget.may(now) {
		if !w.postponed {
			w.postponed = true
			l.h.count(func(c *Counts) { c.Postponed++ })
		}
		if now-w.since > int64(maxPostpone) {
			return l.unable(w, "the share of the disk's time that errands may take is used up")
		}
		return true
	}
	if why := l.helped(now); why != "" {
		return l.unable(w, why)
	}
	if l.child == nil || !l.child.ready {
		if now-w.since > int64(patience) && !w.postponed {
			return l.unable(w, "the helper has not begun yet")
		}
		return true
	}
	if len(l.running) >= threads {
		return true
	}
	t, err := l.task(w.Errand)
	if err != nil {
		return l.unable(w, err.Error())
	}
	marks := l.watcher.last
	if !l.alone || marks == nil {
		marks = l.watcher.marks()
	}
	if !l.child.send(marks, t) {
		return l.unable(w, "the helper does not take errands")
	}
	r := &running{Errand: w.Errand, sent: now, next: int64(hangAfter), budget: budget, link: string(t.Path)}
	if len(t.Link) > 0 {
		r.link = string(t.Link)
	}
	if budget != nil {
		r.charged = budget.begin()
	}
	l.running[w.ID] = r
	return false
}

func (l *loop) unable(w *waiting, why string) bool {
	l.h.say(outcome(w.Errand, event.Unable, why))
	return false
}

// counted reports whether an errand is charged: one on the program's disk, that no
// suspicion has asked for.
func (w *waiting) counted() bool { return charged(w.Errand) }

func charged(e event.Errand) bool {
	return e.Where == event.Here && !e.Again && e.Mimic.Deed != event.DoDial && e.Mimic.Deed != event.DoHandshake
}

// task makes what is sent of an errand.
func (l *loop) task(e event.Errand) (task, error) {
	m := e.Mimic
	t := task{
		ID: e.ID, Deed: m.Deed, Where: e.Where, Path: []byte(m.Path), Network: m.Network,
		Address: []byte(m.Address), Offset: m.Offset, Size: m.Size, Data: m.Data,
	}
	if len(t.Data) > maxWrite {
		t.Data = t.Data[:maxWrite]
	}
	if !charged(event.Errand{Where: event.Here, Mimic: m}) { // a connection
		return t, nil
	}
	if m.FD >= 0 && !l.alone {
		link, err := l.link(m.FD)
		if err != nil && e.Again && filepath.IsAbs(m.Path) {
			// Who has got an error often closes the file: then it is its name that counts.
			return t, nil
		}
		if err != nil {
			return t, err
		}
		if m.Path == "" {
			t.Path = []byte(link)
		} else if link != filepath.Clean(m.Path) {
			t.Link = []byte(link)
		}
		t.Keep = e.Where == event.Here
	}
	return t, nil
}

// link returns what a descriptor of the program's leads to, as the program would name
// it.
func (l *loop) link(fd int) (string, error) {
	link, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(l.h.config.PID), "fd", strconv.Itoa(fd)))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", unable(fmt.Sprintf("descriptor %d is closed", fd))
	case err != nil:
		return "", unable(fmt.Sprintf("descriptor %d of the program cannot be seen: %s", fd, plainError(err)))
	case strings.HasSuffix(link, " (deleted)"):
		return "", unable(fmt.Sprintf("the file of descriptor %d was deleted", fd))
	case !strings.HasPrefix(link, "/"):
		return "", unable(fmt.Sprintf("descriptor %d is %s, and no file", fd, link))
	}
	if root := l.child.place.root; root != "/" && strings.HasPrefix(link, root+"/") {
		link = link[len(root):]
	}
	return link, nil
}

// hear takes a report of the helper's.
func (l *loop) hear(c *child, r report) {
	if c != l.child {
		return // its errands were told as Unable already
	}
	switch {
	case r.Ready != nil:
		l.ready(c, r.Ready.Err)
	case r.Begun != nil:
		if e := l.running[r.Begun.ID]; e != nil {
			e.begun, e.thread, e.held = r.Begun.When, r.Begun.Thread, 0
		}
	case r.At != nil:
		if e := l.running[r.At.ID]; e != nil {
			e.major, e.minor, e.placed, e.name = r.At.Major, r.At.Minor, true, string(r.At.Name)
		}
	case r.Ended != nil:
		if e := l.running[r.Ended.ID]; e != nil {
			delete(l.running, e.ID)
			l.over(e, *r.Ended)
		}
	}
}

// over tells how an errand has ended.
func (l *loop) over(r *running, e ended) {
	if r.placed {
		l.budgets.learn(path.Dir(r.Mimic.Path), disk{r.major, r.minor})
	}
	if e.Kept {
		l.held.note(r, e.When)
	}
	if r.budget != nil {
		r.budget.took(e.Took, r.charged)
		l.h.count(func(c *Counts) { c.DiskTime += time.Duration(e.Took) })
	}
	if r.mute {
		return
	}
	o := event.Outcome{ID: r.ID, At: e.When, Took: e.Took - r.held, End: e.End, Errno: e.Errno, Text: e.Text, Where: r.Where}
	if o.Took < 0 {
		o.Took = 0
	}
	if r.placed {
		o.Device = l.device(r)
	}
	l.h.say(o)
}
