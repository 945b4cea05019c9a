package errands

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"crypto/tls"

	"github.com/lifesign-go/lifesign/event"
)

// listener accepts connections and returns its address.
func listener(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	return l.Addr().String()
}

func dialing(d event.Deed, network, address string) event.Errand {
	e := errand(d, "")
	e.Mimic.Network, e.Mimic.Address = network, address
	return e
}

func TestConnections(t *testing.T) {
	h := helperOf(t, start(t, "idle").Process.Pid)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	want(t, do(t, h, dialing(event.DoDial, "tcp", l.Addr().String())), event.Done, "", "")
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	// The gentlest that there is: the peer reads to the end, and meets no reset.
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the peer reads %d bytes, %v", n, err)
	}
	c.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	want(t, do(t, h, dialing(event.DoDial, "tcp4", "localhost:"+port)), event.Done, "", "")
	want(t, do(t, h, dialing(event.DoDial, "tcp6", l.Addr().String())), event.Unable, "", "there is no address")
	want(t, do(t, h, dialing(event.DoDial, "udp", l.Addr().String())), event.Unable, "", "over udp")
	want(t, do(t, h, dialing(event.DoDial, "tcp", "nonsense")), event.Unable, "", "missing port")
	gone := l.Addr().String()
	l.Close()
	want(t, do(t, h, dialing(event.DoDial, "tcp", gone)), event.Failed, "ECONNREFUSED", "")
	for _, d := range []event.Deed{event.DoDial, event.DoHandshake} {
		e := dialing(d, "tcp", gone)
		e.Where = event.Loopback
		want(t, do(t, h, e), event.Done, "", "")
	}
	e := dialing(event.DoDial, "tcp", gone)
	e.Where = event.Nearby
	want(t, do(t, h, e), event.Unable, "", "not made at nearby")

	name := filepath.Join(t.TempDir(), "socket")
	u, err := net.Listen("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	want(t, do(t, h, dialing(event.DoDial, "unix", name)), event.Done, "", "")
	u.Close()
	want(t, do(t, h, dialing(event.DoDial, "unix", name)), event.Failed, "ENOENT", "")
}

func TestHandshakes(t *testing.T) {
	h := helperOf(t, start(t, "idle").Process.Pid)
	config, err := selfSigned()
	if err != nil {
		t.Fatal(err)
	}
	serve := func(config *tls.Config) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer c.Close()
					if config == nil {
						io.WriteString(c, "HTTP/1.0 400 Bad Request\r\n\r\n")
						return
					}
					_ = tls.Server(c, config).Handshake()
				}()
			}
		}()
		return l.Addr().String()
	}
	want(t, do(t, h, dialing(event.DoHandshake, "tcp", serve(config))), event.Done, "", "")
	picky := config.Clone()
	picky.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, errors.New("not you") }
	want(t, do(t, h, dialing(event.DoHandshake, "tcp", serve(picky))), event.Done, "", "with an alert")
	want(t, do(t, h, dialing(event.DoHandshake, "tcp", serve(nil))), event.Unable, "", "does not speak TLS")
	// One that closes at once: an end or a reset, as it comes.
	if o := do(t, h, dialing(event.DoHandshake, "tcp", listener(t))); o.End != event.Failed {
		t.Errorf("%+v", o)
	}
}

// A peer that takes connections and says nothing: the kernel says where the thread
// stands, and for what.
func TestHandshakeHangs(t *testing.T) {
	h := helperOf(t, start(t, "idle").Process.Pid)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	e := dialing(event.DoHandshake, "tcp", l.Addr().String())
	o := hang(t, h, e)
	if o.Thread.Call != "read" || o.Thread.State != "S" || o.Thread.Resource == nil || o.Thread.Resource.Kind != event.OnSocket {
		t.Errorf("%+v, resource %+v", o.Thread, o.Thread.Resource)
	}
	l.Close() // resets what nobody has accepted
	want(t, await(t, h, e.ID), event.Failed, "ECONNRESET", "")
}

// hang has an errand done and returns the first outcome that says that it hangs, which
// must come within a minute, and after it has lasted a quarter of a second.
func hang(t *testing.T, h *Helper, e event.Errand) event.Outcome {
	t.Helper()
	h.Do(e)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		for _, o := range h.Outcomes(nil) {
			if o.ID != e.ID {
				continue
			}
			if o.End != event.Hangs || o.Took < int64(hangAfter) || o.Thread == nil {
				t.Fatalf("%+v, want that it hangs", o)
			}
			if strings.Contains(o.Thread.Err, "has not told") {
				continue // the machine has no processor for the question
			}
			return o
		}
	}
	t.Fatalf("errand %d is not told as one that hangs; %+v", e.ID, h.Counts())
	return event.Outcome{}
}
