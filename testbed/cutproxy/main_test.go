package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	soon   = 300 * time.Millisecond // what is forwarded comes much sooner
	atLast = 30 * time.Second       // what comes at all has come by then
)

// bench is a proxy with a client and a server.
type bench struct {
	t              *testing.T
	l              net.Listener
	address        string
	commands       io.Writer
	answers        *bufio.Scanner
	client, server *net.TCPConn
}

func start(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t}
	var err error
	if b.l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	in, commands := io.Pipe()
	answers, out := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run("127.0.0.1:0", b.l.Addr().String(), in, out); out.Close() }()
	t.Cleanup(func() {
		commands.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		b.l.Close()
	})
	b.commands, b.answers = commands, bufio.NewScanner(answers)
	if !b.answers.Scan() {
		t.Fatal("the proxy says nothing")
	}
	words := strings.Fields(b.answers.Text())
	if len(words) != 3 || words[0] != "ready" {
		t.Fatalf("the proxy says %q", words)
	}
	b.address = words[2]
	b.client, b.server = b.connect()
	return b
}

// connect makes a connection through the proxy and returns both its ends.
func (b *bench) connect() (client, server *net.TCPConn) {
	b.t.Helper()
	c, err := net.DialTimeout("tcp", b.address, atLast)
	if err != nil {
		b.t.Fatal(err)
	}
	s, err := b.l.Accept()
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { c.Close(); s.Close() })
	client, server = c.(*net.TCPConn), s.(*net.TCPConn)
	b.carries(client, server)
	b.carries(server, client)
	return client, server
}

func (b *bench) command(line, word string) {
	b.t.Helper()
	if _, err := io.WriteString(b.commands, line+"\n"); err != nil {
		b.t.Fatal(err)
	}
	if !b.answers.Scan() || !strings.HasPrefix(b.answers.Text(), word+" ") {
		b.t.Fatalf("%s: the proxy says %q, want %s", line, b.answers.Text(), word)
	}
}

// carries fails unless what is written at one end comes out at the other.
func (b *bench) carries(from, to net.Conn) {
	b.t.Helper()
	if got, err := b.through(from, to, atLast); err != nil || got != "a" {
		b.t.Errorf("%q, %v came through, want a", got, err)
	}
}

// keeps fails if what is written at one end comes out at the other.
func (b *bench) keeps(from, to net.Conn) {
	b.t.Helper()
	if got, err := b.through(from, to, soon); !errors.Is(err, unix.ETIMEDOUT) && !isTimeout(err) {
		b.t.Errorf("%q, %v came through, want nothing", got, err)
	}
}

func (b *bench) through(from, to net.Conn, within time.Duration) (string, error) {
	if _, err := from.Write([]byte("a")); err != nil {
		return "", err
	}
	to.SetReadDeadline(time.Now().Add(within))
	buf := make([]byte, 1)
	n, err := to.Read(buf)
	return string(buf[:n]), err
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// TestSilent: nothing comes through nor is acknowledged, the connections stay,
// new ones wait, and what was written comes in the end.
func TestSilent(t *testing.T) {
	b := start(t)
	b.command("silent", "silenced")
	b.keeps(b.client, b.server)
	b.keeps(b.server, b.client)
	for name, c := range map[string]*net.TCPConn{"client": b.client, "server": b.server} {
		if info := tcpInfo(t, c); info.Unacked == 0 || info.Total_retrans == 0 {
			t.Errorf("the %s's packet: %d not acknowledged, %d sent again, want some of each", name, info.Unacked, info.Total_retrans)
		}
	}
	if c, err := net.DialTimeout("tcp", b.address, soon); !isTimeout(err) {
		t.Errorf("a new connection: %v, %v, want a time-out", c, err)
	}
	b.command("recover", "recovered")
	for _, c := range []net.Conn{b.client, b.server} {
		c.SetReadDeadline(time.Now().Add(atLast))
		if n, err := c.Read(make([]byte, 1)); n != 1 {
			t.Errorf("what was written in silence: %v", err)
		}
	}
	b.connect()
}

func tcpInfo(t *testing.T, c *net.TCPConn) *unix.TCPInfo {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var info *unix.TCPInfo
	if err := raw.Control(func(fd uintptr) {
		info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	}); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// TestSilentInOneDirection: the other direction goes on.
func TestSilentInOneDirection(t *testing.T) {
	for _, way := range []string{"up", "down"} {
		t.Run(way, func(t *testing.T) {
			b := start(t)
			from, to := b.client, b.server
			if way == "down" {
				from, to = to, from
			}
			b.command("silent "+way, "silenced")
			b.keeps(from, to)
			b.carries(to, from)
		})
	}
}

// TestCut: one side is told that no more comes, the other direction goes on.
func TestCut(t *testing.T) {
	for _, way := range []string{"up", "down"} {
		t.Run(way, func(t *testing.T) {
			b := start(t)
			from, to := b.client, b.server
			if way == "down" {
				from, to = to, from
			}
			b.command("cut "+way, "cut")
			to.SetReadDeadline(time.Now().Add(atLast))
			if n, err := to.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("read %d bytes, %v, want the end", n, err)
			}
			b.carries(to, from)
			b.connect()
		})
	}
}

// TestSlow: so many bytes a second come through, until all is well.
func TestSlow(t *testing.T) {
	b := start(t)
	b.command("slow 2000", "slowed")
	const bytes = 1000
	began := time.Now()
	if _, err := b.client.Write(make([]byte, bytes)); err != nil {
		t.Fatal(err)
	}
	b.server.SetReadDeadline(time.Now().Add(atLast))
	if _, err := io.ReadFull(b.server, make([]byte, bytes)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 450*time.Millisecond {
		t.Errorf("%d bytes at 2000 a second took %v", bytes, took)
	}
	go b.client.Write(make([]byte, 1<<20)) // which would take nine minutes
	time.Sleep(soon)
	b.command("recover", "recovered")
	b.server.SetReadDeadline(time.Now().Add(atLast))
	if n, err := io.ReadFull(b.server, make([]byte, 1<<20)); err != nil {
		t.Errorf("after recovery: %d bytes, %v", n, err)
	}
}

// TestSlowIsFelt: who writes is held back, for little is kept between.
func TestSlowIsFelt(t *testing.T) {
	b := start(t)
	b.command("slow 1000", "slowed")
	b.client.SetWriteDeadline(time.Now().Add(2 * time.Second))
	if n, err := b.client.Write(make([]byte, 64<<20)); !isTimeout(err) {
		t.Errorf("wrote %d bytes, %v, want a time-out", n, err)
	}
}

// TestRefuse: nobody listens, and what is there goes on.
func TestRefuse(t *testing.T) {
	b := start(t)
	b.command("refuse", "refused")
	if c, err := net.Dial("tcp", b.address); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a new connection: %v, %v, want to be refused", c, err)
	}
	b.carries(b.client, b.server)
	b.command("refuse", "refused")
	b.command("recover", "recovered")
	b.connect()
}

// TestEndsAreCarried: a side that ends or breaks ends the other.
func TestEndsAreCarried(t *testing.T) {
	b := start(t)
	b.client.CloseWrite()
	b.server.SetReadDeadline(time.Now().Add(atLast))
	if _, err := b.server.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("read %v, want the end", err)
	}
	b.carries(b.server, b.client)
	b.server.Close()
	b.client.SetReadDeadline(time.Now().Add(atLast))
	if _, err := b.client.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("read %v, want the end", err)
	}
}

func TestUnknownCommands(t *testing.T) {
	p, err := newProxy("127.0.0.1:0", "127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	for _, line := range []string{"", "silent left", "slow", "slow 0", "cut"} {
		if word, err := p.command(line); err == nil {
			t.Errorf("command %q: %s", line, word)
		}
	}
	if _, err := newProxy("127.0.0.1:0", "nowhere"); err == nil {
		t.Error("-to takes anything")
	}
}
