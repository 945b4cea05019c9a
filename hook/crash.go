package hook

import (
	"strconv"
	"syscall"

	"github.com/lifesign-go/lifesign/internal/page"
)

// Before main the runtime is told to write into the agent's pipe as the program
// crashes, so that a crash in an init function is told too, of any package that
// imports a woven one.
var _ = openCrash()

// openCrash takes the descriptor that the environment names, and the name away, as
// that of the page. It reports whether the runtime has it.
func openCrash() bool {
	name, ok := syscall.Getenv(page.CrashVar)
	if !ok {
		return false
	}
	syscall.Unsetenv(page.CrashVar)
	fd, err := strconv.Atoi(name)
	return err == nil && fd >= 3 && keepCrash(fd)
}
