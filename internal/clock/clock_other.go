//go:build !linux

package clock

import "time"

var start = time.Now()

// Monotonic returns nanoseconds since the process began: on this system two
// processes do not share a clock.
func Monotonic() int64 { return int64(time.Since(start)) }
