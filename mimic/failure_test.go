package mimic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/hook"
)

// collection is an error that grows, as those of many modules do: whoever reads
// it beside the program races with it.
type collection struct{ _ []error }

func (c *collection) Error() string { panic("nobody may ask") }
func (c *collection) Unwrap() error { panic("nobody may ask") }
func (c *collection) Is(error) bool { panic("nobody may ask") }

type word string

func (w word) Error() string { return "the word " + string(w) }

// pathError is a real one.
func pathError(t testing.TB) error {
	t.Helper()
	_, err := os.Open(t.TempDir() + "/none")
	if err == nil {
		t.Fatal("there is a file")
	}
	return err
}

func TestErrorsAreRelayedAsFarAsTheyMayBeAsked(t *testing.T) {
	_, refused := net.DialTimeout("tcp", "127.0.0.1:1", time.Minute)
	missing := pathError(t)
	for _, c := range []struct {
		name  string
		err   error
		want  string // "" if it is harmless
		errno syscall.Errno
	}{
		{"the kernel's", syscall.ENOSPC, "no space left on device", syscall.ENOSPC},
		{"a file's", missing, missing.Error(), syscall.ENOENT},
		{"a file's, wrapped", fmt.Errorf("save: %w", missing), "save: " + missing.Error(), syscall.ENOENT},
		{"a connection's", refused, refused.Error(), syscall.ECONNREFUSED},
		{"a client's", &url.Error{Op: "Get", URL: "http://x", Err: refused}, `Get "http://x": ` + refused.Error(), syscall.ECONNREFUSED},
		{"a text", errors.New("no leader"), "no leader", 0},
		{"a value", word("no"), "the word no", 0},
		{"of the program's own type", &collection{}, "an error of type *mimic.collection", 0},
		{"one around that", &os.PathError{Op: "write", Path: "/x", Err: &collection{}}, "an error of type *fs.PathError, of type *mimic.collection", 0},
		{"a text around that", fmt.Errorf("got %w", word("x")), "got the word x", 0},
		{"io.EOF", io.EOF, "", 0},
		{"io.EOF, wrapped", fmt.Errorf("read: %w", io.EOF), "", 0},
		{"cancelled", context.Canceled, "", 0},
		{"a context's deadline", context.DeadlineExceeded, "", 0},
		{"a file's deadline", &os.PathError{Op: "read", Path: "/x", Err: os.ErrDeadlineExceeded}, "", 0},
		{"a closed file's", &os.PathError{Op: "read", Path: "/x", Err: os.ErrClosed}, "", 0},
		{"a closed connection's", &net.OpError{Op: "read", Net: "tcp", Err: net.ErrClosed}, "", 0},
		{"an interrupted call's", &os.SyscallError{Syscall: "read", Err: syscall.EINTR}, "", 0},
		{"no rows", errors.New("sql: no rows in result set"), "", 0},
	} {
		list := relay([]hook.Failure{{Site: 7, Err: c.err, Count: 3}}, func(s Site) Site { return s - 1 })
		if c.want == "" {
			if len(list) != 0 {
				t.Errorf("%s: it is relayed as %q", c.name, list[0].mimic.Err)
			}
			continue
		}
		if len(list) != 1 {
			t.Errorf("%s: it is not relayed", c.name)
			continue
		}
		m := list[0].mimic
		if m.Err != c.want || syscall.Errno(m.Numbers["errno"]) != c.errno || m.Numbers["count"] != 3 || list[0].site != 7 || list[0].region != 6 || m.Deed != event.SeeFailure {
			t.Errorf("%s: got %+v, want %q, errno %d", c.name, list[0], c.want, c.errno)
		}
	}
}

// Errors that a real time-out and a real Close bring are harmless.
func TestErrorsThatConnectionsHaveAtTheirEnd(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(-time.Second))
	_, late := c.Read(make([]byte, 1))
	c.Close()
	_, closed := c.Read(make([]byte, 1))
	l.Close()
	_, accept := l.Accept()
	for name, err := range map[string]error{"late": late, "closed": closed, "accept": accept} {
		if err == nil || !harmless(err) {
			t.Errorf("%s: %v is not harmless", name, err)
		}
	}
}

// An error that wraps itself ends somewhere.
func TestErrorsWithoutEnd(t *testing.T) {
	e := &os.SyscallError{Syscall: "read"}
	e.Err = e
	if harmless(e) || errnoOf(e) != 0 || !strings.HasPrefix(textOf(e), "an error of type *os.SyscallError, of type") {
		t.Errorf("it is told as %.200s", textOf(e))
	}
}
