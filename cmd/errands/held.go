package errands

import (
	"path"
	"time"
)

// held is the agent's account of the files that the helper keeps: on whose account each
// is there. A file that is open keeps its file system from being unmounted; so one is
// kept only while the program has one open itself, in the same directory.
type held struct {
	files  map[string]descriptor // the program's, by directory
	used   int64                 // when one of the helper's was used last
	looked int64
}

// descriptor is one of the program's, with what it led to.
type descriptor struct {
	fd   int
	link string
}

// note notes that the file is kept that an errand was done with.
func (h *held) note(r *running, now int64) {
	if h.files == nil {
		h.files = map[string]descriptor{}
	}
	h.files[path.Dir(r.link)] = descriptor{r.Mimic.FD, r.link}
	h.used = now
}

// letGo has the helper close what it keeps, if one of the program's files was closed
// since, or if nothing was done with it for long. It looks four times a second.
func (l *loop) letGo(now int64) {
	h := &l.held
	if len(h.files) == 0 || l.child == nil || l.alone || time.Duration(now-h.looked) < lookAgain {
		return
	}
	h.looked = now
	why := release("")
	if time.Duration(now-h.used) > maxRest {
		why = rested
	}
	for _, d := range h.files {
		if link, err := l.link(d.fd); err != nil || link != d.link {
			why = closed
		}
	}
	if why != "" && l.child.put(order{Release: why}) {
		h.files = nil
	}
}
