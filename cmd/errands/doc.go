// Package errands does what mimics need done outside of the program: files are
// written, read and made durable, and connections made, by a process of its own,
// the helper, that is where the program is. It has the program's credentials, root,
// mounts, network and control groups.
//
// The agent's half is Helper: Do, Outcomes and Abandon may be called concurrently and
// never wait, whatever the helper does. The helper's half is Serve, which the
// command calls in the process that Helper starts. Between them go lines of JSON,
// of bounded length.
//
// What is promised:
//
//   - No descriptor is opened in the program. From one errand to the next none is held
//     here but of files without a name, in directories in which the program has a file
//     open itself; they are closed a quarter of a second after that: a file system that
//     the program has left can be unmounted.
//   - What the program has open is opened anew for reading alone, and only if it is a
//     regular file or a directory. What is written goes to files without a name, or,
//     where the file system has none such, to one with a name for the moment between
//     two system calls.
//   - Nothing is opened in a directory, nor any file, that the program watches by
//     inotify or fanotify, or has a lease on. See Marks.
//   - What hangs is told as Hangs, by the agent's clock, with what the kernel says of
//     the helper's thread. Time in which the helper was stopped, frozen, or had no
//     processor is not counted.
//   - What says nothing of the environment is Unable: a file that was deleted, what
//     is not permitted, a helper that has died.
//
// It does not decide what an outcome means, and it does not know what is usual.
package errands
