package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
)

// crashName is the file, in lifesign's cache directory, that gets the stacks of a
// lifesign that crashes. It is there besides standard error, which a service, a
// terminal that was closed or a script may have thrown away: a crash that nobody
// can look at comes again.
const crashName = "crashes.log"

// crashesKept is how large the file may be before it is put aside, as crashes.log.old,
// for a new one. A crash takes 10 to 100 kB.
const crashesKept = 1 << 20

// keepCrashes has the Go runtime write the stacks of all goroutines to the file too
// if this process crashes, be it by a panic or by a fatal error of the runtime's
// own, which cannot be recovered. If there are any in it of earlier ones, stderr is
// told. Where there is no place for the file, standard error has to do.
func keepCrashes(stderr io.Writer) {
	debug.SetTraceback("all")
	dir, err := os.UserCacheDir()
	if err != nil {
		return
	}
	name := filepath.Join(dir, "lifesign", crashName)
	if os.MkdirAll(filepath.Dir(name), 0o755) != nil {
		return
	}
	if info, err := os.Lstat(name); err == nil && info.Size() > crashesKept {
		os.Rename(name, name+".old")
	}
	// Others' programs may be named in it. All lifesigns of the user append to it.
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	defer f.Close() // the runtime has a descriptor of its own
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || debug.SetCrashOutput(f, debug.CrashOptions{}) != nil {
		return
	} else if info.Size() > 0 {
		fmt.Fprintf(stderr, "lifesign: it has crashed before: %s has its stacks (report them, then remove the file)\n", name)
	}
}
