// Package clock reads CLOCK_MONOTONIC, the clock on both sides of the vitals
// page, which does not go on while the machine is suspended; and CLOCK_BOOTTIME,
// which does, and by which leases are measured.
package clock
