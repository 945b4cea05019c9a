// Command cutproxy forwards TCP connections to an address, on loopback, and
// goes wrong when it is told to: what a network does to programs that talk to
// each other through it.
//
// It takes commands on standard input, a line each, and answers on standard
// output, with times in nanoseconds of CLOCK_MONOTONIC. Up is from who connects
// to who is connected to, down the other way.
//
//	              ready TIME ADDRESS  connections to ADDRESS are forwarded
//	silent        silenced TIME       packets of either side are lost from then on, those of new connections too
//	silent up     silenced TIME       packets from who connects are lost, its acknowledgements too
//	silent down   silenced TIME       packets from who is connected to are lost
//	slow BYTES    slowed TIME         so many bytes a second are forwarded in each direction, of all connections together
//	cut up        cut TIME            the end of each connection is told to who is connected to; the other direction goes on
//	cut down      cut TIME            the end of each connection is told to who connects
//	refuse        refused TIME        new connections are refused, those there are go on
//	recover       recovered TIME      all is well; connections that were cut stay cut
//
// A silent side is like one behind a cable that was pulled: a filter in the
// kernel drops its packets before TCP sees them, so nothing is acknowledged, the
// other side sends again and again, and nobody is told. After recover it takes
// until the next of these attempts, which are up to twice as far apart each time.
//
// It ends at the end of its input or at SIGTERM. It needs Linux and no privilege.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/lifesign-go/lifesign/testbed/internal/mono"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "the address to listen at")
	to := flag.String("to", "", "the address to forward to")
	flag.Parse()
	if err := run(*listen, *to, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "cutproxy:", err)
		os.Exit(1)
	}
}

func run(listen, to string, commands io.Reader, answers io.Writer) error {
	p, err := newProxy(listen, to)
	if err != nil {
		return err
	}
	defer p.close()
	fmt.Fprintf(answers, "ready %d %s\n", mono.Now(), p.address)
	return obey(p, commands, answers)
}

// obey does what it is told, until the end of the commands or a signal.
func obey(p *proxy, commands io.Reader, answers io.Writer) error {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(commands); s.Scan(); {
			lines <- s.Text()
		}
	}()
	for {
		select {
		case <-end:
			return nil
		case line, ok := <-lines:
			if !ok {
				return nil
			}
			word, err := p.command(line)
			if err != nil {
				return err
			}
			fmt.Fprintf(answers, "%s %d\n", word, mono.Now())
		}
	}
}

// command does what a line says and returns the word to answer.
func (p *proxy) command(line string) (word string, err error) {
	var bytes int
	switch line {
	case "silent":
		return "silenced", p.silence(up, down)
	case "silent up":
		return "silenced", p.silence(up)
	case "silent down":
		return "silenced", p.silence(down)
	case "cut up":
		return "cut", p.cut(up)
	case "cut down":
		return "cut", p.cut(down)
	case "refuse":
		return "refused", p.refuse()
	case "recover":
		return "recovered", p.recover()
	}
	if n, err := fmt.Sscanf(line, "slow %d", &bytes); n == 1 && err == nil && bytes > 0 {
		p.slow(bytes)
		return "slowed", nil
	}
	return "", fmt.Errorf("unknown command %q: silent, silent up, silent down, slow BYTES, cut up, cut down, refuse or recover", line)
}
