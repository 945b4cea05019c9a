package supervise

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/internal/supervise"
)

// notes is the socket on which the program says how it fares, by sd_notify(3). It has
// an abstract name: nothing of it is left behind, the program reaches it whatever
// user or root it has, and the next driver can open it anew. A program in another
// network namespace cannot reach it.
type notes struct {
	name string // as in NOTIFY_SOCKET
	conn *net.UnixConn
}

// listenNotes opens the socket, by the name that an earlier driver has given it.
func listenNotes(name string, d *Driver) (*notes, error) {
	if name == "" {
		var b [16]byte
		rand.Read(b[:])
		name = "@lifesign/" + hex.EncodeToString(b[:])
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("listen for what the program says of itself: %w", err)
	}
	raw, err := conn.SyscallConn()
	if err == nil {
		raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, 1) })
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("listen for what the program says of itself: %w", err)
	}
	n := &notes{name: name, conn: conn}
	go n.read(d)
	return n, nil
}

func (n *notes) close() { n.conn.Close() }

func (n *notes) read(d *Driver) {
	buf, oob := make([]byte, 8192), make([]byte, 512)
	for {
		k, m, _, _, err := n.conn.ReadMsgUnix(buf, oob)
		if err != nil {
			if strings.Contains(err.Error(), "closed") {
				return
			}
			time.Sleep(10 * time.Millisecond)
			continue
		}
		sender := 0
		if list, err := syscall.ParseSocketControlMessage(oob[:m]); err == nil {
			for i := range list {
				if c, err := syscall.ParseUnixCredentials(&list[i]); err == nil {
					sender = int(c.Pid)
				}
				if fds, err := syscall.ParseUnixRights(&list[i]); err == nil { // FDSTORE is not kept
					for _, fd := range fds {
						unix.Close(fd)
					}
				}
			}
		}
		if sender == 0 {
			continue
		}
		for _, e := range parseNote(string(buf[:k])) {
			e.Since = int64(sender) // whether that may be believed, own looks
			d.happen(e)
		}
	}
}

// parseNote makes events of what a program says. What is not known is passed over, as
// sd_notify(3) has it.
func parseNote(text string) (events []supervise.Event) {
	for _, line := range strings.Split(text, "\n") {
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		switch name {
		case "READY":
			if value == "1" {
				events = append(events, supervise.Event{Kind: supervise.IsReady})
			}
		case "STATUS":
			events = append(events, supervise.Event{Kind: said, Text: value})
		case "MAINPID":
			if pid, err := strconv.Atoi(value); err == nil && pid > 0 {
				events = append(events, supervise.Event{Kind: mainPID, PID: pid})
			}
		case "EXTEND_TIMEOUT_USEC":
			if us, err := strconv.ParseInt(value, 10, 64); err == nil && us > 0 && us < int64(24*time.Hour/time.Microsecond) {
				events = append(events, supervise.Event{Kind: supervise.Extend, For: time.Duration(us) * time.Microsecond})
			}
		}
	}
	return events
}
