package judge

import "github.com/lifesign-go/lifesign/event"

// Standings returns the verdict on each thread of the last sample, by number. It
// is empty if the kernel was not asked for threads.
func (j *Judge) Standings() []event.Standing { return nil }
