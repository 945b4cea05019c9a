package tell

import (
	"fmt"
	"sort"
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

// Group is threads of one process of which the same is to be said.
type Group struct {
	Threads  []int          // ascending
	Comm     string         // their name, "" if they have several
	Alike    bool           // all wait for the very same thing
	Standing event.Standing // of the one that has stood for longest
}

// Groups puts threads together of which the same is to be said, the worst
// first, then the most.
func Groups(standings []event.Standing) []Group {
	at := map[likeness]int{}
	var groups []Group
	for _, s := range standings {
		key := likenessOf(s)
		i, known := at[key]
		if !known {
			i = len(groups)
			at[key] = i
			groups = append(groups, Group{Comm: s.Thread.Comm, Alike: true, Standing: s})
		}
		g := &groups[i]
		g.Alike = g.Alike && resource(s) == resource(g.Standing)
		g.Threads = append(g.Threads, s.Thread.ID)
		if s.Thread.Comm != g.Comm {
			g.Comm = ""
		}
		if s.Since < g.Standing.Since {
			g.Standing = s
		}
	}
	for _, g := range groups {
		sort.Ints(g.Threads)
	}
	sort.SliceStable(groups, func(i, k int) bool {
		a, b := groups[i], groups[k]
		if x, y := badness(a.Standing.Verdict, a.Standing.Class), badness(b.Standing.Verdict, b.Standing.Class); x != y {
			return x > y
		}
		if len(a.Threads) != len(b.Threads) {
			return len(a.Threads) > len(b.Threads)
		}
		return a.Threads[0] < b.Threads[0]
	})
	return groups
}

// likeness is what the threads of a group have in common.
type likeness struct {
	verdict     event.Verdict
	class       event.Class
	call, wchan string
	kind        event.ResourceKind
	resource    string
}

func likenessOf(s event.Standing) likeness {
	l := likeness{verdict: s.Verdict, class: s.Class}
	switch s.Verdict {
	case event.Working, event.Paused:
		// Where a thread that gets on happened to be says nothing of it, nor does
		// where it was when all were stopped.
		return l
	}
	l.call, l.wchan = s.Thread.Call, s.Thread.Wchan
	if r := s.Thread.Resource; r != nil {
		l.kind = r.Kind
		if s.Verdict != event.Idle { // that each waits for work of its own is alike
			l.resource = r.Name
		}
	}
	return l
}

// resource names what a thread waits for.
func resource(s event.Standing) string {
	if s.Thread.Resource == nil {
		return ""
	}
	return s.Thread.Resource.Name
}

// What says it of all threads of the group, in one sentence.
func (g Group) What() string {
	if g.Alike || g.Standing.Verdict == event.Working || g.Standing.Verdict == event.Paused {
		return g.Standing.What
	}
	return g.Standing.What + "; each for one of its own"
}

// badness orders verdicts: the greater, the worse. What nobody can tell is worse
// than what works, for it may be anything.
func badness(v event.Verdict, c event.Class) int {
	switch v {
	case event.Stuck:
		if c == event.Proven {
			return 9
		}
		return 6
	case event.Vanished, event.Crashed:
		return 8
	case event.Paused:
		return 7
	case event.Starved:
		return 5
	case event.Spinning:
		return 4
	case event.Slow:
		return 3
	case event.Working, event.Wrong:
		return 1
	case event.Idle:
		return 0
	}
	return 2
}

// Worse reports whether the verdict v of class c is worse than that of o.
func (w Whole) Worse(o Whole) bool {
	return badness(w.Verdict, w.Class) > badness(o.Verdict, o.Class)
}

// Whole is the verdict on a process: that on the worst of its threads.
type Whole struct {
	Verdict event.Verdict
	Class   event.Class
	What    string // one sentence
}

// WholeOf returns the verdict on a process of which groups are all threads, the
// worst first.
func WholeOf(groups []Group) Whole {
	if len(groups) == 0 {
		return Whole{event.Unknown, event.Undecided, "none of its threads could be looked at"}
	}
	all := 0
	for _, g := range groups {
		all += len(g.Threads)
	}
	worst := groups[0]
	w := Whole{worst.Standing.Verdict, worst.Standing.Class, worst.What()}
	switch n := len(worst.Threads); {
	case n < all:
		w.What = fmt.Sprintf("%d of %d threads: %s", n, all, w.What)
	case n > 1:
		w.What = fmt.Sprintf("all %d threads: %s", n, w.What)
	}
	return w
}

// Inspection is what one look at a process came to.
type Inspection struct {
	Program string
	PID     int
	Seconds float64 // how long it was looked at
	Whole   Whole
	Groups  []Group
	Machine string   // what ails the machine, "" if nothing is known to
	Unseen  []string // what could not be seen, and why
}

// Text renders an inspection: a line for the process, then a block a group.
func (n Inspection) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, process %d: %s (%s): %s\n", n.Program, n.PID, n.Whole.Verdict, n.Whole.Class, n.Whole.What)
	for _, g := range n.Groups {
		s := g.Standing
		fmt.Fprintf(&b, "  %s: %s (%s): %s\n", count(len(g.Threads), "thread"), s.Verdict, s.Class, g.What())
		row := rows(&b, "    ")
		row("threads", threads(g))
		if s.Verdict != event.Working {
			row("since", clockTime(s.Since)+" or earlier")
		}
		row("in", inside(s.Thread))
		row("kernel", strings.Join(s.Thread.Stack, " ← "))
		row("called", functions(s.Thread))
		row("chain", chain(s.Chain, s.Cycle))
		row("evidence", evidence(s.Evidence))
		if s.Refuted != "" {
			row("refuted", "if "+s.Refuted)
		}
	}
	row := rows(&b, "  ")
	row("machine", n.Machine)
	row("looked", fmt.Sprintf("for %.1f s", n.Seconds))
	row("unseen", strings.Join(n.Unseen, "\n"))
	return b.String()
}

// functions lists what a thread stands in, and says where that list breaks off.
func functions(t event.Thread) string {
	text := frames(t.User)
	switch {
	case t.UserErr == "":
	case text == "":
		text = "not known: " + t.UserErr
	default:
		text += "\nthe rest is not known: " + t.UserErr
	}
	return text
}

// maxListed bounds the threads that are listed by number.
const maxListed = 16

func threads(g Group) string {
	var ids []string
	for i, id := range g.Threads {
		if i == maxListed {
			ids = append(ids, fmt.Sprintf("and %d more", len(g.Threads)-i))
			break
		}
		ids = append(ids, fmt.Sprint(id))
	}
	text := strings.Join(ids, ", ")
	if g.Comm != "" {
		text += " (" + g.Comm + ")"
	}
	return text
}

// inside says where in the kernel a thread is.
func inside(t event.Thread) string {
	what := t.What
	if what == "" {
		what = t.Call
	}
	if t.Fault {
		what = "a page fault"
	}
	switch {
	case t.State == "":
		return ""
	case what == "" && t.Wchan == "":
		return "state " + t.State
	case what == "":
		return fmt.Sprintf("%s, state %s", t.Wchan, t.State)
	case t.Wchan == "":
		return fmt.Sprintf("%s, state %s", what, t.State)
	}
	return fmt.Sprintf("%s, in %s, state %s", what, t.Wchan, t.State)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
