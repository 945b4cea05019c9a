package supervise

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// upward is the service manager that lifesign itself runs under, if there is one.
// What it cannot be told is lost: the next word may arrive.
type upward struct {
	conn     *net.UnixConn // nil without one
	every    time.Duration // between two signs of life; an hour if none are wanted
	watchdog bool
	fed      int64
	status   string
	own      string
}

// dialUpward makes one of the environment, and takes nothing from there.
func dialUpward(getenv func(string) string) (*upward, error) {
	u := &upward{every: time.Hour}
	address := getenv("NOTIFY_SOCKET")
	if address == "" {
		return u, nil
	}
	if address[0] != '@' && address[0] != '/' {
		return nil, fmt.Errorf("notify the service manager: NOTIFY_SOCKET=%s is no address of a Unix socket", address)
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("notify the service manager: %w", err)
	}
	u.conn = conn
	us, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64)
	if pid := getenv("WATCHDOG_PID"); err == nil && us > 0 && us < int64(1<<53) && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		u.watchdog = true
		u.every = max(time.Duration(us)*time.Microsecond/3, time.Millisecond)
	}
	return u, nil
}

func (u *upward) send(message string) {
	if u.conn == nil {
		return
	}
	// A service manager that does not read must not keep the program from being looked after.
	u.conn.SetWriteDeadline(time.Now().Add(time.Second))
	u.conn.Write([]byte(message))
}

// feed tells the watchdog that all is well, if it is.
func (u *upward) feed(now int64, alive bool) {
	if !u.watchdog || !alive || u.fed != 0 && time.Duration(now-u.fed) < u.every*9/10 {
		return
	}
	u.fed = now
	u.send("WATCHDOG=1")
}

// extend asks for more time for what goes on.
func (u *upward) extend(d time.Duration) {
	u.send(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", d.Microseconds()))
}

// state tells where the program stands, say what it says of itself.
func (u *upward) state(s string) { u.own = s; u.tell() }

func (u *upward) say(status string) {
	u.status = strings.NewReplacer("\n", " ", "\r", " ").Replace(status)
	u.tell()
}

func (u *upward) tell() {
	text := u.own
	if u.status != "" {
		text += ": " + u.status
	}
	u.send("STATUS=" + text)
}

func (u *upward) close() {
	if u.conn != nil {
		u.conn.Close()
	}
}
