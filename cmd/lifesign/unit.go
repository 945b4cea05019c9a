package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/lifesign-go/lifesign/internal/supervise"
)

const unitUsage = `usage: lifesign unit [FLAGS] -- COMMAND [ARGS…]

Unit prints a systemd unit that runs a command under lifesign run with the same flags:

  lifesign unit -restart on-crash -- /usr/bin/server -port 80 > /etc/systemd/system/server.service

Paths in it are absolute, and comments say why a line is there. With -restart, lifesign
starts the command again itself, and KillMode=process leaves it running when lifesign is
killed or replaced; the lifesign that systemd starts then looks after the same process.
Without -restart, systemd is who restarts: the watchdog is not fed while something is
stuck for certain, and the whole unit goes.

Flags are those of lifesign run that are not for building, and

  -name NAME       of the unit, for its state directory; the command's name if it is
                   not given
  -watchdog D      after how long without a sign of life systemd takes lifesign for
                   dead (30s)
`

type unitOptions struct {
	name     string
	watchdog time.Duration
	run      runOptions
	flags    []string // lifesign run's, as given
}

// unitCommand is lifesign unit. It returns the exit status.
func unitCommand(_ context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseUnit(args)
	if status, ends := unusable("unit", unitUsage, err, stdout, stderr); ends {
		return status
	}
	self, err := os.Executable()
	if err == nil {
		var path string
		if path, err = exec.LookPath(o.run.argv[0]); err == nil {
			path, err = filepath.Abs(path)
		}
		o.run.argv[0] = path
	}
	if err != nil {
		fmt.Fprintf(stderr, "lifesign unit: %v\n", err)
		return 1
	}
	io.WriteString(stdout, o.unit(self))
	return 0
}

// parseUnit takes unit's own flags out of args, and has the rest parsed as lifesign
// run's.
func parseUnit(args []string) (o unitOptions, err error) {
	o.watchdog = 30 * time.Second
	var rest []string
	for i := 0; i < len(args); i++ {
		name, value, has := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(args[i], "-"), "-"), "=")
		own := strings.HasPrefix(args[i], "-") && (name == "name" || name == "watchdog")
		if args[i] == "--" || !own {
			if args[i] == "--" {
				rest = append(rest, args[i:]...)
				break
			}
			rest = append(rest, args[i])
			continue
		}
		if !has {
			if i++; i == len(args) {
				return o, fmt.Errorf("-%s needs a value", name)
			}
			value = args[i]
		}
		if name == "name" {
			o.name = value
		} else if err = atLeast(&o.watchdog, time.Second)(value); err != nil {
			return o, fmt.Errorf("-watchdog: %w", err)
		}
	}
	if o.run, err = parseRun(rest); err != nil {
		return o, err
	}
	if o.run.pkg {
		return o, errors.New("a service needs a command that is built: -- COMMAND")
	}
	o.flags = rest[:len(rest)-len(o.run.argv)-1]
	if o.name == "" {
		o.name = filepath.Base(o.run.argv[0])
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_.-]+$`).MatchString(o.name) {
		return o, fmt.Errorf("-name %q: want letters, digits, '_', '.' and '-'", o.name)
	}
	return o, nil
}

// unit is the unit's text.
func (o unitOptions) unit(self string) string {
	k := o.run.keep
	keeps := k.policy.Restart == supervise.OnCrash || k.policy.Restart == supervise.Always || k.policy.On != supervise.Verdicts{}
	flags := append([]string(nil), o.flags...)
	if !k.given {
		flags = append([]string{"-restart", "no"}, flags...) // so that it speaks with systemd
	}
	if keeps && k.state == "" {
		flags = append(flags, "-state", "%t/lifesign-"+o.name)
	}
	grace := k.policy.Grace
	if grace == 0 {
		grace = supervise.Defaults.Grace
	}
	stop := grace + supervise.Defaults.QuitGrace + supervise.Defaults.KillGrace + 5*time.Second
	start := k.policy.Deadline + 10*time.Second
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("[Unit]")
	line("Description=%s, looked after by lifesign", strings.ReplaceAll(o.name, "%", "%%"))
	line("After=network-online.target")
	line("Wants=network-online.target")
	if keeps {
		line("# lifesign itself is started again without end.")
		line("StartLimitIntervalSec=0")
	}
	line("\n[Service]")
	line("# lifesign says when the program is up, and is alive as long as nothing is stuck for certain.")
	line("Type=notify")
	line("NotifyAccess=main")
	line("WatchdogSec=%ds", int(o.watchdog.Seconds()))
	line("ExecStart=%s", execLine(append(append(append([]string{self, "run"}, flags...), "--"), o.run.argv...)))
	if keeps {
		line("# If lifesign is killed, by whomever, the program goes on, and the next lifesign looks after")
		line("# it. KillMode=mixed or control-group would kill the program with it.")
		line("KillMode=process")
		line("Restart=always")
		line("RestartSec=1s")
		line("# Where lifesign writes down what runs. It must outlive lifesign.")
		line("RuntimeDirectory=lifesign-%s", o.name)
		line("RuntimeDirectoryMode=0700")
		line("RuntimeDirectoryPreserve=restart")
	} else {
		line("# The program ends with lifesign: SIGTERM goes to lifesign, which hands it on, and SIGKILL")
		line("# to all that is left.")
		line("KillMode=mixed")
		line("Restart=on-failure")
		line("RestartSec=1s")
	}
	line("# The program and all that it starts are in a control group of their own below this one.")
	line("Delegate=yes")
	line("# A stop is lifesign's to do: SIGTERM, SIGQUIT for stacks, SIGKILL.")
	line("TimeoutStopSec=%ds", int(stop.Seconds()))
	line("TimeoutStartSec=%ds", int(start.Seconds()))
	line("\n[Install]")
	line("WantedBy=multi-user.target")
	return b.String()
}

// execLine quotes a command line for ExecStart=. A %t that lifesign has put there is
// systemd's to replace; those of the command's own are not.
func execLine(argv []string) string {
	var words []string
	for _, a := range argv {
		state := strings.HasPrefix(a, "%t/lifesign-")
		q := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "$", "$$", "%", "%%").Replace(a)
		if state {
			q = "%t" + strings.TrimPrefix(q, "%%t")
		}
		if q == "" || strings.ContainsAny(q, " \t'\";\\") {
			q = `"` + q + `"`
		}
		words = append(words, q)
	}
	return strings.Join(words, " ")
}
