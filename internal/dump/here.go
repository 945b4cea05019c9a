package dump

import (
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sort"
	"strconv"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// Here returns a dump of this very process, made from within: why, the stack that the
// caller has of it, what the process is. It has no registers and no memory, and of
// goroutines only the one that r names: to ask the runtime for all of them stops the
// program. It takes some ten microseconds, and asks nothing that may hang. Rules are
// not applied yet.
func Here(r Reason, stack []event.Frame) *Dump {
	exe := ""
	if len(os.Args) > 0 {
		exe = os.Args[0]
	}
	d := &Dump{
		Version: Version, Time: time.Now(), Reason: r,
		Process: Process{
			PID: os.Getpid(), Parent: os.Getppid(), UID: os.Getuid(), GID: os.Getgid(),
			Program: filepath.Base(exe), Exe: exe, State: "R", Arch: runtime.GOARCH, OS: runtime.GOOS,
		},
		Args: append([]string(nil), os.Args...),
		Env:  os.Environ(),
		Missing: []string{
			"registers and memory: the program itself has written this",
			"the other goroutines: to list them would have stopped the program",
		},
		Facts: map[string]string{"goroutines": strconv.Itoa(runtime.NumGoroutine())},
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		d.Build = BuildOf(info)
	}
	if d.Reason.Place == nil {
		d.Reason.Place = placeOf(stack)
	}
	if len(stack) > 0 {
		d.Goroutines = []Goroutines{{State: "running", Members: []Member{{ID: r.Goroutine}}, Stack: Shorten(stack)}}
	}
	return d
}

// BuildOf returns what the toolchain has left in a binary in a dump's form.
func BuildOf(info *debug.BuildInfo) *Build {
	b := &Build{Go: info.GoVersion, Path: info.Path, Version: info.Main.Path + "@" + info.Main.Version}
	for _, s := range info.Settings {
		b.Settings = append(b.Settings, s.Key+"="+s.Value)
	}
	for _, m := range info.Deps {
		text := m.Path + "@" + m.Version
		if m.Replace != nil {
			text += " => " + m.Replace.Path + "@" + m.Replace.Version
		}
		b.Modules = append(b.Modules, text)
	}
	sort.Strings(b.Modules)
	return b
}
