package dump

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/dump"
)

// How much of a dump is shown; all of it is in its JSON.
const (
	shownGroups  = 40
	shownMembers = 12
	shownRecords = 40
	shownLog     = 50
)

// Text renders a dump for people: why and where first.
func Text(d *dump.Dump) string {
	p := &printer{}
	p.reason(d)
	p.process(d)
	p.threads(d)
	p.goroutines(d)
	p.operations("operations in flight", "in", d.Operations)
	p.operations("locks held", "holds", d.Locks)
	p.findings(d)
	p.mimics(d)
	p.list("log", tail(d.Log, shownLog))
	p.list("environment", d.Env)
	p.list("not in this dump", d.Missing)
	var cuts []string
	for _, c := range d.Cuts {
		cuts = append(cuts, fmt.Sprintf("%s: %d, and %d are kept", c.What, c.Lost, c.Kept))
	}
	p.list("cut for the limit", cuts)
	return p.String()
}

func tail(list []string, n int) []string {
	if len(list) > n {
		return list[len(list)-n:]
	}
	return list
}

type printer struct{ strings.Builder }

func (p *printer) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *printer) section(title string) { p.line("\n%s", title) }

func (p *printer) list(title string, list []string) {
	if len(list) == 0 {
		return
	}
	p.section(title)
	for _, s := range list {
		p.line("  %s", s)
	}
}

func (p *printer) reason(d *dump.Dump) {
	r := d.Reason
	what := strings.TrimPrefix(r.What, string(r.Kind)+": ")
	if !strings.HasPrefix(what, string(r.Kind)) { // "fatal error: …" says it by itself
		what = fmt.Sprintf("%s: %s", r.Kind, what)
	}
	p.line("reason   %s", what)
	if r.Signal != 0 {
		text := fmt.Sprintf("signal   %d", r.Signal)
		if r.Name != "" {
			text += " " + r.Name
		}
		text += fmt.Sprintf(", code %d, address %#x", r.Code, r.Address)
		if r.PC != 0 {
			text += fmt.Sprintf(", pc %#x", r.PC)
		}
		if r.Foreign {
			text += ", in code that is not Go"
		}
		p.line("%s", text)
	}
	if r.Place != nil {
		p.line("place    %s %s:%d", r.Place.Func, r.Place.File, r.Place.Line)
	}
	switch {
	case r.Goroutine != 0 && r.Thread != 0:
		p.line("where    goroutine %d, thread %d", r.Goroutine, r.Thread)
	case r.Goroutine != 0:
		p.line("where    goroutine %d", r.Goroutine)
	case r.Thread != 0:
		p.line("where    thread %d", r.Thread)
	}
}

func (p *printer) process(d *dump.Dump) {
	text := fmt.Sprintf("process  %d (%s)", d.Process.PID, d.Process.Program)
	if b := d.Build; b != nil {
		text += fmt.Sprintf(", %s, %s", b.Version, b.Go)
	}
	if s := d.Process.Started; !s.IsZero() {
		text += fmt.Sprintf(", started %v before", d.Time.Sub(s).Round(time.Second))
	}
	p.line("%s", text)
	if len(d.Args) > 0 {
		p.line("command  %s", strings.Join(d.Args, " "))
	}
	text = "taken    " + d.Time.Format(time.RFC3339)
	if pause := d.Facts["pause"]; pause != "" {
		text += ", all threads stood for " + pause
	}
	p.line("%s", text)
}

// alike are threads that stand at the same place.
type alike struct {
	first   dump.Thread
	members []int
}

func (p *printer) threads(d *dump.Dump) {
	if len(d.Threads) == 0 {
		return
	}
	var groups []*alike
	at := map[string]*alike{}
	for _, th := range d.Threads {
		key := fmt.Sprint(th.State, th.Call, th.Wchan, th.Kernel, th.User, th.UserErr)
		if th.ID == d.Reason.Thread {
			key = "the one that matters"
		}
		if g := at[key]; g != nil {
			g.members = append(g.members, th.ID)
			continue
		}
		at[key] = &alike{th, []int{th.ID}}
		groups = append(groups, at[key])
	}
	p.section(fmt.Sprintf("threads (%d)", len(d.Threads)))
	for i, g := range groups {
		if i == shownGroups {
			p.line("  … %d more groups", len(groups)-i)
			break
		}
		th := g.first
		text := "  " + some(len(g.members), "thread", func(i int) string { return fmt.Sprint(g.members[i]) })
		if th.Comm != "" {
			text += " (" + th.Comm + ")"
		}
		for _, s := range []string{th.State, th.Call, th.Wchan} {
			if s != "" && s != "0" {
				text += ", " + s
			}
		}
		p.line("%s", text)
		if th.ID == d.Reason.Thread {
			p.registers(d.Process.Arch, th.Registers)
		}
		for _, f := range th.Kernel {
			p.line("      [kernel] %s", f)
		}
		p.stack(th.User)
		if th.UserErr != "" {
			p.line("      … %s", th.UserErr)
		}
	}
}

func (p *printer) registers(arch string, regs []uint64) {
	names := dump.RegisterNames(arch)
	for i := range regs {
		if i < len(names) {
			p.WriteString(fmt.Sprintf("      %-8s %#018x", names[i], regs[i]))
			if i%3 == 2 || i == len(regs)-1 {
				p.WriteByte('\n')
			}
		}
	}
}

func (p *printer) stack(frames []event.Frame) {
	for _, f := range frames {
		switch {
		case f.Line > 0:
			p.line("      %s %s:%d", f.Func, f.File, f.Line)
		case f.File != "":
			p.line("      %s in %s", f.Func, f.File)
		default:
			p.line("      %s", f.Func)
		}
	}
}

// some names the first of n.
func some(n int, what string, name func(int) string) string {
	var names []string
	for i := 0; i < n && i < shownMembers; i++ {
		names = append(names, name(i))
	}
	text := what + " " + strings.Join(names, ", ")
	if n > 1 {
		text = fmt.Sprintf("%d %ss: %s", n, what, strings.Join(names, ", "))
	}
	if n > shownMembers {
		text += ", …"
	}
	return text
}

func (p *printer) goroutines(d *dump.Dump) {
	if len(d.Goroutines) == 0 {
		return
	}
	n := 0
	for _, g := range d.Goroutines {
		n += len(g.Members)
	}
	p.section(fmt.Sprintf("goroutines (%d)", n))
	for i, g := range d.Goroutines {
		if i == shownGroups {
			p.line("  … %d more groups", len(d.Goroutines)-i)
			break
		}
		longest := int64(0)
		for _, m := range g.Members {
			longest = max(longest, m.Waited)
		}
		text := "  " + some(len(g.Members), "goroutine", func(i int) string { return fmt.Sprint(g.Members[i].ID) }) + ", " + g.State
		if longest > 0 {
			text += fmt.Sprintf(", for %v", round(longest))
		}
		p.line("%s", text)
		p.stack(g.Stack)
		if g.Creator != nil {
			p.line("      created by %s %s:%d", g.Creator.Func, g.Creator.File, g.Creator.Line)
		}
		if g.Err != "" {
			p.line("      … %s", g.Err)
		}
	}
}

func round(ns int64) time.Duration { return time.Duration(ns).Round(time.Millisecond) }

func (p *printer) operations(title, verb string, list []dump.Operation) {
	if len(list) == 0 {
		return
	}
	p.section(fmt.Sprintf("%s (%d)", title, len(list)))
	for i, o := range list {
		if i == shownRecords {
			p.line("  … %d more", len(list)-i)
			break
		}
		what := string(o.Site.Kind)
		if o.Site.Object != "" {
			what += " " + o.Site.Object
		}
		p.line("  goroutine %d %s %s, for %v, %s %s", o.Goroutine, verb, what, round(o.For), o.Site.Func, o.Site.Place())
	}
}

func (p *printer) findings(d *dump.Dump) {
	if len(d.Findings) == 0 {
		return
	}
	p.section("findings")
	for _, f := range d.Findings {
		p.line("  %s (%s): %s", f.Verdict, f.Class, f.What)
		for _, e := range f.Evidence {
			p.line("      %s: %s", e.Source, e.Text)
		}
	}
}

func (p *printer) mimics(d *dump.Dump) {
	if len(d.Mimics) == 0 {
		return
	}
	p.section("mimics")
	list := append([]dump.Mimic(nil), d.Mimics...)
	sort.SliceStable(list, func(i, j int) bool { return list[i].Ago < list[j].Ago })
	for _, m := range list {
		p.line("  %v before: %s of %s: %s %s", round(m.Ago), m.Deed, m.What, m.End, m.Text)
	}
}
