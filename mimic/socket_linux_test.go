package mimic

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// pair returns both ends of a TCP connection.
func pair(t testing.TB) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// becomes looks at a handle until the mimic fits.
func becomes(t testing.TB, d event.Deed, v any, fits func(event.Mimic) bool) event.Mimic {
	t.Helper()
	var m event.Mimic
	why := lacksNothing
	for i := 0; i < 3000; i++ {
		if m, why = of(d, v); why == lacksNothing && fits(m) {
			return m
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("in half a minute it is %+v, lacking %q", m, why)
	return m
}

func TestConnectionThatWorks(t *testing.T) {
	a, b := pair(t)
	if _, err := a.Write([]byte("twelve bytes")); err != nil {
		t.Fatal(err)
	}
	m := becomes(t, event.SeeConnection, a, func(m event.Mimic) bool { return m.Numbers["acked"] >= 12 })
	n := m.Numbers
	if m.Network != "tcp" || m.Address != b.LocalAddr().String() || n["unacked"] != 0 || n["sendqueue"] != 0 || n["state"] != 1 || n["rto"] < 1e6 || n["local"] != int64(a.LocalAddr().(*net.TCPAddr).Port) {
		t.Errorf("it is %+v", m)
	}
	m = becomes(t, event.SeeConnection, b, func(m event.Mimic) bool { return m.Numbers["receivequeue"] == 12 })
	got := make([]byte, 20)
	if k, err := b.Read(got); k != 12 || err != nil { // nothing was taken away
		t.Errorf("%d bytes are read, %v", k, err)
	}
}

func TestConnectionWhosePeerDoesNotRead(t *testing.T) {
	a, _ := pair(t)
	a.SetWriteDeadline(time.Now().Add(time.Second))
	for {
		if _, err := a.Write(make([]byte, 1<<16)); err != nil {
			break
		}
	}
	m := becomes(t, event.SeeConnection, a, func(m event.Mimic) bool { return m.Numbers["probes"] > 0 })
	n := m.Numbers
	if n["sendqueue"] == 0 || n["notsent"] == 0 || n["unacked"] != 0 {
		t.Errorf("it is %v", n)
	}
	time.Sleep(50 * time.Millisecond)
	if again, _ := of(event.SeeConnection, a); again.Numbers["sendqueue"] != n["sendqueue"] || again.Numbers["acked"] != n["acked"] {
		t.Errorf("it was %v and is %v", n, again.Numbers)
	}
}

// In a network namespace of its own the peer goes silent: its loopback interface
// is taken down.
func TestConnectionWhosePeerIsSilent(t *testing.T) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends, and with it the namespace
		if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
			t.Errorf("make a network namespace: %v", err)
			return
		}
		link := func(state string) {
			if out, err := exec.Command("ip", "link", "set", "lo", state).CombinedOutput(); err != nil {
				t.Errorf("set lo %s: %v: %s", state, err, out)
			}
		}
		link("up")
		silent(t, func() { link("down") })
	}()
	<-done
}

func silent(t *testing.T, silence func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Error(err)
		return
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Error(err)
		return
	}
	defer a.Close()
	if m, why := of(event.SeeConnection, a); why != lacksNothing || m.Numbers["unacked"] != 0 {
		t.Errorf("before: %+v, lacking %q", m, why)
	}
	silence()
	a.Write([]byte("into the void"))
	var n map[string]int64
	for i := 0; i < 3000; i++ {
		m, _ := of(event.SeeConnection, a)
		if n = m.Numbers; n["unacked"] > 0 && n["sendqueue"] == 13 && n["again"] > 0 && n["retransmits"] > 0 && n["lastack"] > 500e6 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("in half a minute it is %v", n)
}

func TestConnectionThatIsClosed(t *testing.T) {
	a, _ := pair(t)
	a.Close()
	if m, why := of(event.SeeConnection, a); why != isClosed {
		t.Errorf("it is %+v, lacking %q", m, why)
	}
}

// The peer's reset is the program's to see: looking does not take the error away.
func TestConnectionThatIsResetKeepsItsError(t *testing.T) {
	a, b := pair(t)
	b.(*net.TCPConn).SetLinger(0)
	b.Close()
	becomes(t, event.SeeConnection, a, func(m event.Mimic) bool { return m.Numbers["state"] == 7 }) // closed
	if _, err := a.Read(make([]byte, 1)); err == nil || errnoOf(err) != syscall.ECONNRESET {
		t.Errorf("the program reads %v", err)
	}
}

// wrapped is a connection of the program's own type.
type wrapped struct{ net.Conn }

func TestConnectionsOfOtherTypes(t *testing.T) {
	a, b := pair(t)
	m, why := of(event.SeeConnection, tls.Client(a, &tls.Config{}))
	if why != lacksNothing || m.Address != b.LocalAddr().String() {
		t.Errorf("within TLS: %+v, lacking %q", m, why)
	}
	for name, v := range map[string]any{
		"a wrapper":        &wrapped{a},
		"TLS in a wrapper": tls.Client(&wrapped{a}, &tls.Config{}),
		"no TLS":           (*tls.Conn)(nil),
		"nothing in TLS":   &tls.Conn{},
		"a nil connection": (*net.TCPConn)(nil),
		"a number":         7,
	} {
		if m, why := of(event.SeeConnection, v); why != isForeign {
			t.Errorf("%s: %+v, lacking %q", name, m, why)
		}
	}
	if _, why := of(event.SeeConnection, &net.TCPConn{}); why != isClosed {
		t.Errorf("an empty connection lacks %q", why)
	}
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	u, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	u.Write([]byte("1"))
	if m, why := of(event.SeeConnection, u); why != lacksNothing || m.Network != "unix" || m.Address != l.Addr().String() || m.Numbers["sendqueue"] == 0 {
		t.Errorf("a local one: %+v, lacking %q", m, why)
	}
	d, err := net.Dial("udp", "127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if m, why := of(event.SeeConnection, d); why != lacksNothing || m.Network != "udp" || m.Address != "127.0.0.1:9" {
		t.Errorf("a datagram one: %+v, lacking %q", m, why)
	}
}

// TLS works on after it was looked at from beside, also for the race detector.
func TestLookingAtTLSThatIsInUse(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	a, b := pair(t)
	client := tls.Client(a, &tls.Config{InsecureSkipVerify: true})
	server := tls.Server(b, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	done := make(chan error, 2)
	const count = 2000
	go func() {
		buf := make([]byte, 100)
		for i := 0; i < count; {
			n, err := server.Read(buf)
			if i += n; err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	go func() {
		for i := 0; i < count; i++ {
			if _, err := client.Write([]byte{1}); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for left, looks := 2, 0; left > 0; looks++ {
		select {
		case err := <-done:
			if left--; err != nil {
				t.Error(err)
			}
		default:
			if _, why := of(event.SeeConnection, client); why != lacksNothing {
				t.Errorf("it lacks %q", why)
			}
		}
	}
}

func TestListenersQueue(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	rc, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	rc.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 3) }) // a short queue
	if err != nil {
		t.Fatal(err)
	}
	m, why := of(event.SeeListener, l)
	if why != lacksNothing || m.Address != l.Addr().String() || m.Numbers["waiting"] != 0 || m.Numbers["max"] != 3 {
		t.Fatalf("empty: %+v, lacking %q", m, why)
	}
	made := make(chan net.Conn, 6) // they stay open
	for i := 0; i < cap(made); i++ {
		go func() {
			if c, err := net.DialTimeout("tcp", l.Addr().String(), 20*time.Second); err == nil {
				made <- c
			}
		}()
	}
	becomes(t, event.SeeListener, l, func(m event.Mimic) bool { return m.Numbers["waiting"] > m.Numbers["max"] })
	for i := 0; i < 4; i++ { // they are all still there
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		(<-made).Close()
	}
	a, _ := pair(t)
	if m, _ := of(event.SeeListener, a); len(m.Numbers) != 0 {
		t.Errorf("what is no listener: %v", m.Numbers)
	}
	l.Close()
	if m, why := of(event.SeeListener, l); why != isClosed {
		t.Errorf("closed: %+v, lacking %q", m, why)
	}
}

// Addresses are written as package net writes them.
func TestAddresses(t *testing.T) {
	for _, ip := range []string{"10.0.0.7", "::1", "::", "fe80::1", "2001:db8::1:0:0:1", "2001:0:0:1::", "1:2:3:4:5:6:7:8", "1:0:3:4:5:6:7:8", "::ffff:1.2.3.4"} {
		want := net.TCPAddr{IP: net.ParseIP(ip), Port: 2380}
		var sa syscall.Sockaddr
		if v4 := want.IP.To4(); v4 != nil && ip != "::ffff:1.2.3.4" {
			a := &syscall.SockaddrInet4{Port: 2380}
			copy(a.Addr[:], v4)
			sa = a
		} else {
			a := &syscall.SockaddrInet6{Port: 2380}
			copy(a.Addr[:], want.IP.To16())
			sa = a
		}
		if got := address(sa); got != want.String() {
			t.Errorf("%s: got %s, want %s", ip, got, want.String())
		}
	}
	if got := address(&syscall.SockaddrInet6{Port: 1, ZoneId: 3}); got != "[::%3]:1" {
		t.Errorf("with a zone: %s", got)
	}
}
