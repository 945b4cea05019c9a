package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// metricsType is the text format of Prometheus
// (prometheus.io/docs/instrumenting/exposition_formats).
const metricsType = "text/plain; version=0.0.4; charset=utf-8"

// serve answers monitors until ctx is done, the time is up or all processes have
// ended.
func (w *cpuWatch) serve(ctx context.Context, o cpuOptions) error {
	l, err := net.Listen("tcp", o.listen)
	if err != nil {
		return err
	}
	several := len(w.procs) > 1 // what has labels keeps them when the others have ended
	mux := http.NewServeMux()
	mux.HandleFunc("/metrics", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", metricsType)
		io.WriteString(rw, w.metrics(several))
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, WriteTimeout: time.Minute}
	running, broken := context.WithCancelCause(ctx)
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			broken(fmt.Errorf("serve %s: %w", l.Addr(), err))
		}
	}()
	w.say("serves http://%s/metrics", l.Addr())
	if err := w.run(running, o); err != nil {
		return err
	}
	if ctx.Err() == nil && running.Err() != nil {
		return context.Cause(running)
	}
	// Monitors that are being answered get their answer.
	patience, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	server.Shutdown(patience)
	return nil
}

// metric is one of those that are served, with its value for a process.
type metric struct {
	name, kind, help string
	value            func(p *cpuProcess) float64
}

var metrics = []metric{
	{"process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.",
		func(p *cpuProcess) float64 { return seconds(p.account.Total()) }},
	{"lifesign_stat_cpu_seconds_total", "counter", "The same as utime and stime of /proc/PID/stat say, which some kernels get wrong.",
		func(p *cpuProcess) float64 { return seconds(p.stat) }},
	{"lifesign_stat_cpu_faults_total", "counter", "Times that utime and stime stood still while the process ran, leapt, or were ahead of what it had run.",
		func(p *cpuProcess) float64 {
			e := p.account.Evidence()
			return float64(e.Still + e.Leaps + e.Ahead)
		}},
}

// metrics reads all processes now and says what is known of them.
func (w *cpuWatch) metrics(labels bool) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var going []*cpuProcess
	for _, p := range w.procs {
		if _, _, err := p.step(); err == nil {
			going = append(going, p)
		}
	}
	return exposition(going, labels)
}

// exposition writes metrics in the text format.
func exposition(procs []*cpuProcess, labels bool) string {
	var b strings.Builder
	for _, m := range metrics {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", m.name, m.help, m.name, m.kind)
		for _, p := range procs {
			b.WriteString(m.name)
			if labels {
				fmt.Fprintf(&b, `{pid="%d",comm="%s"}`, p.pid, escapeLabel(p.comm))
			}
			fmt.Fprintf(&b, " %s\n", strconv.FormatFloat(m.value(p), 'f', -1, 64))
		}
	}
	return b.String()
}

// escapeLabel makes a name fit for a label: UTF-8, with what ends it escaped.
func escapeLabel(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(s, "\uFFFD"))
}
