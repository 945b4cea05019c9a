package main

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// forwarded are the signals by which somebody means the program when it is
// lifesign that gets them.
var forwarded = []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2}

type signals struct{ c chan os.Signal }

// catchSignals must be called before the program starts, so that no signal
// ends the agent between its start and the forwarding.
func catchSignals() signals {
	s := signals{make(chan os.Signal, 16)}
	signal.Notify(s.c, forwarded...)
	return s
}

func (s signals) stop() { signal.Stop(s.c); close(s.c) }

// forward hands signals on to p until stop.
func (s signals) forward(p *os.Process) {
	for sig := range s.c {
		if fromTerminal(sig) {
			continue
		}
		p.Signal(sig) // fails only if the program has ended
	}
}

// fromTerminal reports whether sig was typed: then the terminal has sent it to
// the whole foreground process group, the program included, and it would get it
// twice.
func fromTerminal(sig os.Signal) bool {
	if sig != syscall.SIGINT && sig != syscall.SIGQUIT {
		return false
	}
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false // no terminal
	}
	defer tty.Close()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}
