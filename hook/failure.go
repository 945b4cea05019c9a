package hook

import "sync/atomic"

// Failure is an error that an operation has returned.
type Failure struct {
	Site  Site
	Err   error  // the last one; its methods are the program's
	Count uint64 // how many there were
}

// failures are those since the list was taken last. Whoever finds another at it
// goes on without, and is counted.
var failures struct {
	busy uint32
	list []Failure
	lost uint64 // atomic
}

// maxFailures bounds the sites that can fail between two times that the list is
// taken.
const maxFailures = 64

// Failed notes that the operation at s has returned err, which is not nil. It
// costs little until somebody looks after mimics, never waits, and calls nothing
// of the program's.
func Failed(s Site, err error) {
	if MimicsWanted() {
		fail(s, err)
	}
}

//go:noinline
func fail(s Site, err error) {
	if !atomic.CompareAndSwapUint32(&failures.busy, 0, 1) {
		atomic.AddUint64(&failures.lost, 1)
		return
	}
	addFailure(s, err)
	atomic.StoreUint32(&failures.busy, 0)
	rouse()
	select {
	case failing <- struct{}{}:
	default:
	}
}

// failing has something in it if an operation has failed since it was read.
var failing = make(chan struct{}, 1)

// HaveFailed has something in it if an operation has failed since it was read.
func HaveFailed() <-chan struct{} { return failing }

func addFailure(s Site, err error) {
	for i := range failures.list {
		if f := &failures.list[i]; f.Site == s {
			f.Err = err
			f.Count++
			return
		}
	}
	if len(failures.list) < maxFailures {
		failures.list = append(failures.list, Failure{s, err, 1})
	} else {
		atomic.AddUint64(&failures.lost, 1)
	}
}

// Failures appends what has failed since it was called last to into, a failure a
// site. It does not wait: it may return nothing although there is something.
func Failures(into []Failure) []Failure {
	if !atomic.CompareAndSwapUint32(&failures.busy, 0, 1) {
		return into
	}
	into = append(into, failures.list...)
	for i := range failures.list {
		failures.list[i].Err = nil
	}
	failures.list = failures.list[:0]
	atomic.StoreUint32(&failures.busy, 0)
	return into
}

// FailuresLost returns how many failures were not noted so far.
func FailuresLost() uint64 { return atomic.LoadUint64(&failures.lost) }

// Failing is X1 for an operation whose result is an error.
func Failing(e Entered, err error) error {
	Exit(Site(e))
	if err != nil {
		Failed(Site(e), err)
	}
	return err
}

// MimicsWanted reports whether somebody looks after the mimics of this program.
func MimicsWanted() bool { return len(vitals.Mimics) > 0 && vitals.MimicsWanted() }
