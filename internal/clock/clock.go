// Package clock reads CLOCK_MONOTONIC, the clock on both sides of the vitals
// page. It does not go on while the machine is suspended; leases must not be
// measured by it.
package clock
