// Command natsload puts a NATS server on this host under load and tells on
// standard output, as the lines of package report, how it fares. It is a
// process of its own, so that neither a stop of the server nor a woven hook can
// touch its clock.
//
// Its default load is that of nats-server PR #7458: four publishers to a stream
// with acknowledgement, and four clients that ask for batches of old messages
// by direct get. With -getters 0 it is a plain publishing load, with
// -target core one without a stream. It ends after -duration, at SIGINT or at
// SIGTERM, and then prints its totals.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/lifesign-go/lifesign/testbed/internal/report"
)

func main() {
	c, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "natsload:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	out := json.NewEncoder(os.Stdout)
	err = run(ctx, c, func(l report.Line) error { return out.Encode(l) })
	if err != nil {
		fmt.Fprintln(os.Stderr, "natsload:", err)
		os.Exit(1)
	}
}

// config is what the flags say.
type config struct {
	url        string
	target     string // "stream" or "core"
	stream     string
	subject    string
	publishers int
	getters    int
	getsAfter  time.Duration
	batch      int // messages a direct get asks for
	size       int // bytes a message
	rate       int // publishes a second of all publishers together; 0 is as fast as it goes
	maxBytes   int64
	preload    int // messages in the stream before the load begins
	duration   time.Duration
	stall      time.Duration
	progress   time.Duration
}

func parse(args []string) (config, error) {
	var c config
	fs := flag.NewFlagSet("natsload", flag.ContinueOnError)
	fs.StringVar(&c.url, "url", "nats://127.0.0.1:4222", "the server, on a loopback address")
	fs.StringVar(&c.target, "target", "stream", "what is published to: a JetStream stream, or core NATS (stream or core)")
	fs.StringVar(&c.stream, "stream", "TEST", "name of the stream")
	fs.StringVar(&c.subject, "subject", "foo", "subject published to")
	fs.IntVar(&c.publishers, "publishers", 4, "connections that publish")
	fs.IntVar(&c.getters, "getters", 4, "connections that ask for batches by direct get")
	fs.DurationVar(&c.getsAfter, "gets-after", 0, "how long after the beginning the direct gets begin")
	fs.IntVar(&c.batch, "batch", 200, "messages in a batch")
	fs.IntVar(&c.size, "size", 512, "bytes in a message")
	fs.IntVar(&c.rate, "rate", 0, "publishes a second, all together; 0 is as fast as it goes")
	fs.Int64Var(&c.maxBytes, "max-bytes", 256<<20, "bytes the stream keeps, so that a long run does not fill the disk")
	fs.IntVar(&c.preload, "preload", 1000, "messages put into the stream before the load begins")
	fs.DurationVar(&c.duration, "duration", 30*time.Second, "how long")
	fs.DurationVar(&c.stall, "stall", 2*time.Second, "publishing stands still if nothing is acknowledged for so long")
	fs.DurationVar(&c.progress, "progress", 250*time.Millisecond, "how often progress is told")
	if err := fs.Parse(args); err != nil {
		return c, err
	}
	if fs.NArg() > 0 {
		return c, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	return c, c.check()
}

func (c config) check() error {
	if c.target != "stream" && c.target != "core" {
		return fmt.Errorf("-target is stream or core, not %q", c.target)
	}
	if c.publishers < 1 || c.getters < 0 || c.batch < 1 || c.size < stampSize || c.rate < 0 {
		return fmt.Errorf("-publishers, -batch from 1, -getters, -rate from 0, -size from %d", stampSize)
	}
	if c.getsAfter < 0 || c.duration <= 0 || c.stall <= 0 || c.progress <= 0 {
		return fmt.Errorf("-duration, -stall and -progress are more than 0, -gets-after is not less")
	}
	u, err := url.Parse(c.url)
	if err != nil {
		return fmt.Errorf("-url: %w", err)
	}
	// A load generator aimed at the wrong host is an attack.
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("-url: %s is not a loopback address", u.Hostname())
	}
	return nil
}
