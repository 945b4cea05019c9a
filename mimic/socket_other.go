//go:build !linux || !(amd64 || arm64)

package mimic

import (
	"runtime"

	"github.com/lifesign-go/lifesign/event"
)

const system = runtime.GOOS

// Here nobody knows how to ask the kernel for the state of a socket.

func connection(m *event.Mimic, c capture) lack { return isForeign }

func listener(m *event.Mimic, c capture) lack { return isForeign }
