// Package dump is the format of lifesign's minidumps: what was known of a program
// when it crashed, stood still, or was asked for, in one file of bounded size.
//
// The file is an ELF core of 64 bits (ET_CORE), which readelf, gdb and dlv open:
// notes with the registers of each thread, what the process is, the signal, the
// auxiliary vector and the mapped files, and segments with the memory that was
// kept, mostly stacks. A second segment of notes has one of the owner "LIFESIGN",
// with all else as a JSON object, the type Dump. A dump that a program makes of
// itself has the same form without registers and memory.
//
// A file never exceeds its limit. What there was no room for is left out in a
// fixed order (see Write), and the file says of everything how much is missing. A
// reader trusts nothing: whatever is in a file, reading it takes no more memory than
// a few times the file's size, and ends with a dump or an error.
//
// Rules say what is kept from a dump before it is written: the environment but for
// an allow-list, and what looks like a secret, in texts and in memory. That is a
// precaution and no promise: memory is a program's own, and so files are for their
// owner alone (mode 0600).
//
// Functions may be called concurrently, each with a dump of its own. Nothing here
// looks at a process; but Here looks at its own, from within.
package dump
