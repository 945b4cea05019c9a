package cputime

import (
	"fmt"
	"strconv"
	"strings"
)

// Verdict says whether a kernel lets utime and stime stand still and leap.
type Verdict string

// The verdicts.
const (
	Affected    Verdict = "affected"
	NotAffected Verdict = "not affected"
	CannotTell  Verdict = "cannot tell"
)

// ByVersion judges a kernel by its release, as uname -r prints it, and says why.
// An old number proves nothing: who distributes a kernel puts commits in without
// changing it.
func ByVersion(release string) (v Verdict, why string) {
	major, minor, ok := parseRelease(release)
	switch {
	case !ok:
		return CannotTell, fmt.Sprintf("%q is not the release of a kernel that is known", release)
	case major > 4 || major == 4 && minor >= 3:
		return NotAffected, "kernels have had commit 9d7fb0427648 since 4.3"
	}
	return CannotTell, "kernels before 4.3 have the fault, unless whoever built this one has put commit 9d7fb0427648 into it"
}

// Judge puts together what a kernel's version says and what it has done. What it
// has done decides; a fault that has not shown proves nothing against the
// version.
func Judge(version, behaviour Verdict) Verdict {
	if behaviour == Affected {
		return Affected
	}
	return version
}

// Why says in half a sentence what Verdict goes by. Its subject is utime+stime.
func (e Evidence) Why() string {
	ms := func(ns int64) string { return fmt.Sprintf("%.1f ms", float64(ns)/1e6) }
	switch v := e.Verdict(); {
	case v == Affected:
		return fmt.Sprintf("in %d of %d stretches of 100 ms of CPU time it stood still, %d times it leapt, and it was up to %s ahead",
			e.Still, e.Stretches, e.Leaps, ms(e.MostAhead))
	case v == NotAffected:
		return fmt.Sprintf("in %d stretches of 100 ms of CPU time it kept within %s of what was run", e.Stretches, ms(most(e.Behind, e.MostAhead)))
	case e.Processes == 0:
		return "there is no process of which the clock could be read"
	case e.Behind > behind:
		return fmt.Sprintf("it was %s behind what was run, which this fault does not do", ms(e.Behind))
	case e.Still > 0:
		return "it stood still once, in a stretch of 100 ms of CPU time"
	}
	return fmt.Sprintf("there were %d stretches of 100 ms of CPU time, and it takes %d", e.Stretches, enough)
}

// parseRelease parses "6.18.44-fc", "4.3-rc1", "3.10.0-1160.el7.x86_64".
func parseRelease(s string) (major, minor int, ok bool) {
	before, after, ok := strings.Cut(s, ".")
	if !ok {
		return 0, 0, false
	}
	if end := strings.IndexFunc(after, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		after = after[:end]
	}
	major, err1 := strconv.Atoi(before)
	minor, err2 := strconv.Atoi(after)
	return major, minor, err1 == nil && err2 == nil && major >= 0
}
