package sample

import (
	"fmt"
	"strings"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/look"
	"github.com/lifesign-go/lifesign/internal/proc"
)

// looker looks into the program that has claimed the page.
type looker struct {
	*look.Looker
	mem  look.Memory
	hint uint64 // where the symbol table says that the list of goroutines is, 0 if it does not
	all  uint64 // where the list is; 0 until it has been found

	unlisted string          // why it was not found, "" if it was
	searches int             // how often it was not found
	channels map[uint64]bool // addresses at which looks have found goroutines in a channel operation

	reach     []byte
	reachRead bool
}

func (s *Sampler) newLooker() (*looker, error) {
	text, ok, err := s.source.Page.Layout()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("the program has left no layout of its runtime")
	}
	layout, err := look.NewLayout(text)
	if err != nil {
		return nil, err
	}
	symbols, allgs, err := s.source.Symbols(s.Kernel.PID, s.source.Page.Anchor())
	if err != nil {
		return nil, err
	}
	mem := look.Patient(look.Process(s.Kernel.PID), memoryPatience)
	l := &looker{Looker: look.New(mem, layout, symbols), mem: mem, hint: allgs, channels: map[uint64]bool{}}
	k := s.Kernel
	k.Arch = text.Arch
	k.Read = func(addr uint64, buf []byte) error { return look.Fill(mem, addr, buf) }
	l.Thread = proc.NewPatient(k, patience).Thread
	return l, nil
}

// patience is how long the kernel may take to tell about a thread. It takes a
// tenth of a millisecond when it is well.
const patience = 50 * time.Millisecond

// memoryPatience is how long one read of the program's memory may take. It takes
// some milliseconds at most, but for memory that is swapped out.
const memoryPatience = 500 * time.Millisecond

func (s *Sampler) looks(ids []uint64) map[uint64]event.Look {
	if len(ids) == 0 {
		return nil
	}
	wanted := make(map[uint64]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	looks := make(map[uint64]event.Look, len(ids))
	var who []look.Goroutine
	for i, g := range s.reading.Goroutines {
		if !wanted[g.ID] {
			continue
		}
		looks[g.ID] = event.Look{Err: s.blind}
		who = append(who, look.Goroutine{G: s.reading.G[i], ID: g.ID})
	}
	if s.looker != nil {
		for i, l := range s.looker.Looks(who) {
			s.looker.notice(l)
			looks[who[i].ID] = l
		}
	}
	return looks
}

// census looks at every goroutine. The first one searches for the runtime's
// list of them if the program has no symbol table.
func (s *Sampler) census() *event.Census {
	l := s.looker
	if l == nil {
		return &event.Census{Err: s.blind}
	}
	if l.all == 0 && l.searches < maxSearches {
		l.find(s.Kernel, s.known())
	}
	if l.all == 0 {
		return &event.Census{Err: l.unlisted}
	}
	c := l.Census(l.all)
	for _, r := range c.Goroutines {
		l.notice(r.Look)
	}
	return c
}

// known returns goroutines that have noted something in the page.
func (s *Sampler) known() []look.Goroutine {
	var known []look.Goroutine
	for i, g := range s.reading.Goroutines {
		if s.reading.G[i] != 0 {
			known = append(known, look.Goroutine{G: s.reading.G[i], ID: g.ID})
		}
	}
	return known
}

// maxSearches bounds the work that is done in vain. A program that makes
// goroutines very fast can spoil one search.
const maxSearches = 3

func (l *looker) find(k proc.Kernel, known []look.Goroutine) {
	data, err := look.Data(k.Proc, k.PID, l.mem)
	if err == nil {
		l.all, err = l.FindAll(l.hint, data, known)
	}
	if err != nil {
		l.unlisted = err.Error()
		l.searches++
	}
}

// maxNoticed bounds the channels that are remembered.
const maxNoticed = 1 << 16

// notice remembers that there is a channel where a goroutine was found to wait
// at one, for words that are asked for next.
func (l *looker) notice(found event.Look) {
	if found.Object != 0 && strings.HasPrefix(found.Reason, "chan ") {
		if len(l.channels) >= maxNoticed {
			l.channels = map[uint64]bool{}
		}
		l.channels[found.Object] = true
	}
}

func (s *Sampler) words(addrs []uint64) map[uint64]event.Word {
	if len(addrs) == 0 {
		return nil
	}
	kinds := s.kinds(addrs)
	words := make(map[uint64]event.Word, len(addrs))
	for _, a := range addrs {
		if s.looker == nil {
			words[a] = event.Word{Err: s.blind}
			continue
		}
		words[a] = s.looker.Word(kinds[a], a)
	}
	return words
}

// kinds finds out of which kind each object is, by any record of it, or by a
// look at somebody who waits there.
func (s *Sampler) kinds(addrs []uint64) map[uint64]event.Kind {
	kinds := make(map[uint64]event.Kind, len(addrs))
	for _, a := range addrs {
		kinds[a] = ""
		if s.looker != nil && s.looker.channels[a] {
			kinds[a] = event.Receive
		}
	}
	note := func(r event.Record) {
		if k, ok := kinds[r.Object]; ok && k == "" && look.HasWord(r.Site.Kind) {
			kinds[r.Object] = r.Site.Kind
		}
	}
	for _, g := range s.reading.Goroutines {
		for _, r := range g.Records {
			note(r)
		}
	}
	for _, o := range s.reading.Orphans {
		note(o.Record)
	}
	return kinds
}

// maxReach bounds the table that is read on a program's word.
const maxReach = 64 << 20

// Reach returns the table of who can serve whom that weaving has put into the
// program, encoded; nil if there is none or it cannot be read. It is read at
// the first call after the first sample.
func (s *Sampler) Reach() []byte {
	l := s.looker
	if l == nil {
		return nil
	}
	if at, size := s.source.Page.ReachTable(); !l.reachRead && at != 0 && size != 0 && size <= maxReach {
		l.reachRead = true
		table := make([]byte, size)
		if look.Fill(l.mem, at, table) == nil {
			l.reach = table
		}
	}
	return l.reach
}
