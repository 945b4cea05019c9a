package hook

import (
	"strconv"
	"syscall"

	"github.com/lifesign-go/lifesign/internal/page"
)

// crashing is the descriptor into which the runtime writes as the program crashes,
// for an agent; -1 if there is none. It is set before main, so that a crash in an init
// function is told too, of any package that imports a woven one.
var crashing = openCrash()

// openCrash takes the descriptor that the environment names, and the name away, as
// that of the page.
func openCrash() int {
	name, ok := syscall.Getenv(page.CrashVar)
	if !ok {
		return -1
	}
	syscall.Unsetenv(page.CrashVar)
	fd, err := strconv.Atoi(name)
	if err != nil || fd < 3 || !keepCrash(fd) {
		return -1
	}
	return fd
}
