package proc

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

var errUnlisted = errors.New("the kernel lists the socket neither under TCP, UDP, netlink nor Unix")

// sock is a socket as /proc/PID/net has it.
type sock struct {
	family        string // "TCP", "UDP", "Unix", "netlink"
	inode         uint64
	local, remote string
	state         uint64
	sent, came    uint64 // bytes that the peer has not acknowledged, and that the process has not read
	retransmits   uint64
	listens       bool
	stream        bool
}

// The states of TCP that matter here (include/net/tcp_states.h).
const (
	tcpSynSent = 2
	tcpListen  = 10
)

// parseInet parses a line of /proc/net/tcp or udp (proc_net(5)):
//
//	sl local_address rem_address st tx_queue:rx_queue tr:when retrnsmt uid timeout inode …
func parseInet(family, line string) (s sock, ok bool) {
	f := strings.Fields(line)
	if len(f) < 10 {
		return s, false
	}
	queues := strings.Split(f[4], ":")
	if len(queues) != 2 {
		return s, false
	}
	var err [5]error
	s.family, s.stream = family, family == "TCP"
	s.state, err[0] = strconv.ParseUint(f[3], 16, 8)
	s.sent, err[1] = strconv.ParseUint(queues[0], 16, 32)
	s.came, err[2] = strconv.ParseUint(queues[1], 16, 32)
	s.retransmits, err[3] = strconv.ParseUint(f[6], 16, 32)
	s.inode, err[4] = strconv.ParseUint(f[9], 10, 64)
	for _, e := range err {
		if e != nil {
			return sock{}, false
		}
	}
	var ok1, ok2 bool
	s.local, ok1 = address(f[1])
	s.remote, ok2 = address(f[2])
	s.listens = s.stream && s.state == tcpListen
	return s, ok1 && ok2
}

// address makes 127.0.0.1:8080 of 0100007F:1F90: words in the machine's order,
// which is little-endian wherever Go's Linux ports that have system calls here
// run.
func address(text string) (string, bool) {
	i := strings.IndexByte(text, ':')
	if i != 8 && i != 32 {
		return "", false
	}
	b, err := hex.DecodeString(text[:i])
	port, err2 := strconv.ParseUint(text[i+1:], 16, 16)
	if err != nil || err2 != nil {
		return "", false
	}
	for w := 0; w < len(b); w += 4 {
		binary.BigEndian.PutUint32(b[w:], binary.LittleEndian.Uint32(b[w:]))
	}
	return net.JoinHostPort(net.IP(b).String(), strconv.FormatUint(port, 10)), true
}

// parseUnix parses a line of /proc/net/unix:
//
//	Num RefCount Protocol Flags Type St Inode Path
func parseUnix(line string) (s sock, ok bool) {
	f := strings.Fields(line)
	if len(f) < 7 {
		return s, false
	}
	const accepts, isStream, isPacket = 0x10000, 1, 5
	flags, err1 := strconv.ParseUint(f[3], 16, 64)
	kind, err2 := strconv.ParseUint(f[4], 16, 16)
	state, err3 := strconv.ParseUint(f[5], 16, 16)
	inode, err4 := strconv.ParseUint(f[6], 10, 64)
	if err1 != nil || err2 != nil || err3 != nil || err4 != nil {
		return s, false
	}
	s = sock{family: "Unix", inode: inode, state: state, listens: flags&accepts != 0, stream: kind == isStream || kind == isPacket}
	if len(f) > 7 {
		s.local = strings.Join(f[7:], " ")
	}
	return s, true
}

// parseNetlink parses a line of /proc/net/netlink:
//
//	sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
func parseNetlink(line string) (s sock, ok bool) {
	f := strings.Fields(line)
	if len(f) < 10 {
		return s, false
	}
	inode, err := strconv.ParseUint(f[9], 10, 64)
	return sock{family: "netlink", inode: inode}, err == nil
}

// nets are the lists of sockets.
var nets = []struct {
	file  string
	parse func(line string) (sock, bool)
}{
	{"tcp", func(l string) (sock, bool) { return parseInet("TCP", l) }},
	{"tcp6", func(l string) (sock, bool) { return parseInet("TCP", l) }},
	{"unix", parseUnix},
	{"udp", func(l string) (sock, bool) { return parseInet("UDP", l) }},
	{"udp6", func(l string) (sock, bool) { return parseInet("UDP", l) }},
	{"netlink", parseNetlink},
}

// find returns the first socket, in the network namespace of the process, for
// which match says yes, of the lists with the given names, or of all.
func (k Kernel) find(match func(*sock) bool, files ...string) (sock, error) {
	why := errUnlisted
	for _, n := range nets {
		if len(files) > 0 && !contains(files, n.file) {
			continue
		}
		f, err := os.Open(k.path("net", n.file))
		if err != nil {
			if !gone(err) { // no IPv6, say
				why = err
			}
			continue
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			if s, ok := n.parse(lines.Text()); ok && match(&s) {
				f.Close()
				return s, nil
			}
		}
		f.Close()
	}
	return sock{}, why
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// onSocket is for a call on a socket. Who accepts, or reads what anybody may
// send, waits for work. Of a connection, InFlight is what the peer has not
// acknowledged, in bytes.
func (q *inquiry) onSocket(link string, r *event.Resource) error {
	r.Kind, r.Name = event.OnSocket, link
	inode, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(link, "socket:["), "]"), 10, 64)
	if err != nil {
		return err
	}
	s, err := q.find(func(s *sock) bool { return s.inode == inode })
	if err != nil {
		return err
	}
	r.Name = s.name()
	switch {
	case s.listens:
		r.Kind, r.Name = event.OnWork, "connections to "+r.Name
	case s.family == "netlink" && reads[q.call.name]:
		r.Kind, r.Name = event.OnWork, "the kernel's messages (netlink)"
	case !s.stream && reads[q.call.name]:
		r.Kind, r.Name = event.OnWork, "datagrams at "+r.Name
	case s.family == "TCP":
		r.InFlight = s.sent
		if s.state == tcpSynSent && r.InFlight == 0 {
			r.InFlight = 1 // nobody has answered its wish to connect
		}
		if r.Moved = q.moved(&s); q.Sockets != nil {
			q.Sockets.Refine(r, inode)
		}
		r.Holders = q.tcpPeer(&s)
	case !reads[q.call.name]:
		r.InFlight = 1 // what it has to send, nobody has taken
	}
	if s.family == "Unix" && s.stream && !s.listens && q.Sockets != nil {
		if peer := q.Sockets.Peer(inode); peer != 0 {
			r.Holders = q.holdersOf(peer)
		}
	}
	return nil
}

func (s *sock) name() string {
	switch {
	case s.family == "Unix" && s.local != "":
		return fmt.Sprintf("Unix socket %s (%d)", s.local, s.inode)
	case s.remote == "" || s.listens || s.family == "UDP":
		if s.local == "" {
			return fmt.Sprintf("%s socket %d", s.family, s.inode)
		}
		return s.family + " " + s.local
	}
	return fmt.Sprintf("%s %s → %s", s.family, s.local, s.remote)
}

// socketSeen is how a connection was seen last.
type socketSeen struct{ sent, came, retransmits, moved uint64 }

// moved counts how often, from one inquiry to the next, a connection was seen to
// move by its peer's doing: fewer bytes are unacknowledged, the count of
// retransmissions fell back, which an acknowledgement does, or the bytes that
// have come changed. What the process itself adds to be sent does not count. A
// peer that acknowledges just as much as the process adds between two inquiries
// is not seen; but then the process has moved. One inquiry alone sees nothing.
func (q *inquiry) moved(s *sock) uint64 {
	if q.seen == nil {
		return 0
	}
	last, known := q.seen.sockets[s.inode]
	if !known {
		if q.seen.sockets == nil || len(q.seen.sockets) > maxLinks {
			q.seen.sockets = map[uint64]*socketSeen{}
		}
		last = &socketSeen{s.sent, s.came, s.retransmits, 0}
		q.seen.sockets[s.inode] = last
	}
	if s.sent < last.sent || s.retransmits < last.retransmits || s.came != last.came {
		last.moved++
	}
	last.sent, last.came, last.retransmits = s.sent, s.came, s.retransmits
	return last.moved
}

// tcpPeer returns who has the other end of a connection within the same network
// namespace.
func (q *inquiry) tcpPeer(s *sock) []event.Task {
	local, remote := mapped4(s.local), mapped4(s.remote)
	peer, err := q.find(func(o *sock) bool { return mapped4(o.local) == remote && mapped4(o.remote) == local }, "tcp", "tcp6")
	if err != nil || peer.inode == 0 || peer.inode == s.inode {
		return nil
	}
	return q.holdersOf(peer.inode)
}

// holdersOf returns who has a socket open.
func (q *inquiry) holdersOf(inode uint64) []event.Task {
	list, _ := q.openers(fmt.Sprintf("socket:[%d]", inode))
	var pids []int
	for _, o := range list {
		pids = append(pids, o.pid)
	}
	return q.holders(pids)
}

// mapped4 is an address without the form that IPv4 has inside of IPv6; package
// net writes both alike already.
func mapped4(addr string) string { return strings.Replace(addr, "[::ffff:", "[", 1) }
