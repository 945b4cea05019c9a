package judge

import (
	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/threads"
)

// Standings returns the verdict on each thread of the last sample that had threads,
// by number, and on those that have vanished.
func (j *Judge) Standings() []event.Standing { return j.threads.Standings() }

// Node returns the verdict on the machine, as far as samples told of it. Its thread
// is none.
func (j *Judge) Node() event.Standing { return j.threads.Node() }

// stepThreads judges the threads of a sample, if it has any.
func (j *Judge) stepThreads(s *event.Sample, a *Actions) {
	r := j.threads.Step(threads.Round{Sample: s, Honest: j.clock.honest, Epoch: j.clock.epoch, Told: j.claimed})
	a.States, a.Resources = r.States, r.Resources
	for i, f := range r.Findings {
		key := r.Keys[i]
		n, known := j.threadEpisodes[key]
		if !known {
			j.count++
			n = j.count
			j.threadEpisodes[key] = n
		}
		if f.Verdict != event.Stuck { // it is over, or never was one that lasts
			delete(j.threadEpisodes, key)
		}
		f.Episode = n
		a.Findings = append(a.Findings, f)
	}
}

// claimed reports whether what a thread stands in is told, or about to be told, as
// what a goroutine stands in: both are one finding, and the goroutine's names the
// place in the source. The goroutine gets a second more than what it takes.
func (j *Judge) claimed(tid int) bool {
	for _, r := range j.reports {
		if r.threads[tid] {
			return true
		}
	}
	longest := 4*j.floor + j.validation + 2*j.period + 1_000_000_000
	for key, f := range j.facts {
		if t := f.still.look.Thread; key.role == asEnd && f.still.looks > 0 && t != nil && t.ID == tid && j.clock.honest-f.first < longest {
			return true
		}
	}
	return false
}
