package observe

import "time"

const (
	// A sample of the counters of 1000 threads costs 1.55 ms of CPU time: 1.03 for
	// a schedstat each by a held descriptor, 0.52 to list them; of 250 threads a
	// quarter of it. So a period that grows with the threads, from 250 ms for 250
	// to 1 s for 1000, keeps the cost below 2 ms a second. Beyond 1000 it grows
	// with the threads: a longer period would make verdicts too late, and who has
	// thousands of threads has a machine for them.
	shortest, longest = 250 * time.Millisecond, time.Second
	few, many         = 250, 1000 // threads at these periods

	// afterNews is the time between the samples that follow one in which a thread
	// had died, and followUps how many there are: a process that is killed as a whole
	// loses its threads one by one, and only more samples, in which some of them are
	// asked about, show whether the others live on. So a thread that has vanished can
	// be told within a tenth of a second.
	afterNews = 25 * time.Millisecond
	followUps = 3

	// notSooner is the time between two samples that news bring about.
	notSooner = 20 * time.Millisecond
)

// Period is the usual time between two samples of a process with that many
// threads.
func Period(threads int) time.Duration {
	switch {
	case threads <= few:
		return shortest
	case threads >= many:
		return longest
	}
	return shortest + (longest-shortest)*time.Duration(threads-few)/(many-few)
}

// pace decides when a sample is due.
type pace struct {
	every   time.Duration // what the user wants, 0 to go by the number of threads
	started bool
	last    int64        // when the last sample was taken
	due     int64        // when the next one is
	follow  int          // how many samples are still to follow news
	asked   map[int]bool // threads that were asked about for the last sample
}

// took notes that a sample with that many threads was taken at now, in which a
// fatal end of a thread was told or not, and makes the next one due.
func (p *pace) took(now int64, threads int, fatal bool) {
	p.started, p.last = true, now
	wait := p.period(threads)
	if fatal {
		p.follow = followUps
	}
	if p.follow > 0 {
		p.follow--
		if wait > afterNews {
			wait = afterNews
		}
	}
	p.due = now + int64(wait)
}

func (p *pace) period(threads int) time.Duration {
	if p.every > 0 {
		return p.every
	}
	return Period(threads)
}

// ask brings the next sample forward if threads are asked about that were not
// for the last one. Those that are asked about again and again, in a program
// that idles, have to wait for the usual time: what is to be seen in them is that
// nothing changes. Nothing is brought forward by more than three fifths, so that a
// program whose threads take turns costs no more than two and a half times the
// usual.
func (p *pace) ask(threads int, lists ...[]int) {
	fresh := false
	asked := make(map[int]bool, len(p.asked))
	for _, list := range lists {
		for _, id := range list {
			fresh = fresh || !p.asked[id]
			asked[id] = true
		}
	}
	p.asked = asked
	if soon := p.last + int64(p.period(threads))*2/5; fresh && soon < p.due {
		p.due = soon
	}
}

// news makes a sample due at once, or soon after the last one. What has been
// promised earlier stays.
func (p *pace) news(now int64) {
	if soon := p.last + int64(notSooner); now < soon {
		now = soon
	}
	if now < p.due {
		p.due = now
	}
}

// left is how long it is until a sample is due.
func (p *pace) left(now int64) time.Duration {
	if p.due <= now {
		return 0
	}
	return time.Duration(p.due - now)
}

// late is by how much a sample that is taken now is late.
func (p *pace) late(now int64) int64 {
	if !p.started || now < p.due {
		return 0
	}
	return now - p.due
}
