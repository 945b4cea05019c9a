//go:build linux && (amd64 || arm64)

package mimic

import (
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"github.com/lifesign-go/lifesign/event"
)

const system = "linux"

// What the kernel is asked, by linux/tcp.h and linux/sockios.h. SO_ERROR is not:
// reading it takes the error away, and the program would not get it.
const (
	tcpInfo   = 11     // TCP_INFO
	siocoutq  = 0x5411 // bytes that are not acknowledged, or not sent
	siocinq   = 0x541b // bytes that are not read
	listening = 10     // TCP_LISTEN
)

// The places in struct tcp_info of what is read of it. It grows at its end.
const (
	infoState       = 0
	infoRetransmits = 2
	infoProbes      = 3
	infoRTO         = 8 // microseconds
	infoUnacked     = 24
	infoSacked      = 28
	infoLastSent    = 44 // milliseconds ago
	infoLastData    = 52
	infoLastAck     = 56
	infoRetrans     = 100
	infoAcked       = 120 // Linux 4.1
	infoNotSent     = 144 // Linux 4.6
	infoWindow      = 228 // Linux 5.4
)

// connection fills in the state of the connection that the operation is on.
func connection(m *event.Mimic, c capture) lack {
	rc, network, why := socket(c.Value())
	if why != lacksNothing {
		return why
	}
	m.Network = network
	m.Numbers = map[string]int64{}
	err := rc.Control(func(fd uintptr) {
		queue(fd, siocoutq, "sendqueue", m.Numbers)
		queue(fd, siocinq, "receivequeue", m.Numbers)
		if network == "tcp" {
			ofConnection(info(fd), m.Numbers)
		}
		if sa, err := syscall.Getpeername(int(fd)); err == nil {
			m.Address = address(sa)
		}
		if sa, err := syscall.Getsockname(int(fd)); err == nil { // tells it from others to the same address
			switch a := sa.(type) {
			case *syscall.SockaddrInet4:
				m.Numbers["local"] = int64(a.Port)
			case *syscall.SockaddrInet6:
				m.Numbers["local"] = int64(a.Port)
			}
		}
	})
	if err != nil {
		return isClosed
	}
	return lacksNothing
}

// listener fills in how long the queue of a listener is and may be.
func listener(m *event.Mimic, c capture) lack {
	rc, network, why := socket(c.Value())
	if why != lacksNothing {
		return why
	}
	m.Network = network
	m.Numbers = map[string]int64{}
	err := rc.Control(func(fd uintptr) {
		if network == "tcp" {
			if b := info(fd); len(b) > infoSacked+4 && b[infoState] == listening {
				// Of a listener these mean something else: see tcp_get_info.
				m.Numbers["waiting"] = little(b[infoUnacked:], 4)
				m.Numbers["max"] = little(b[infoSacked:], 4)
			}
		}
		if sa, err := syscall.Getsockname(int(fd)); err == nil {
			m.Address = address(sa)
		}
	})
	if err != nil {
		return isClosed
	}
	return lacksNothing
}

// info returns what the kernel tells of a TCP socket, nil if it is none.
func info(fd uintptr) []byte {
	var b [256]byte
	size := uint32(len(b))
	_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.IPPROTO_TCP, tcpInfo, uintptr(unsafe.Pointer(&b)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 || size > uint32(len(b)) {
		return nil
	}
	return b[:size]
}

// ofConnection takes what is known of a connection into numbers. Times are in
// nanoseconds.
func ofConnection(b []byte, numbers map[string]int64) {
	word := func(name string, at int, unit int64) {
		if len(b) >= at+4 {
			numbers[name] = little(b[at:], 4) * unit
		}
	}
	if len(b) <= infoProbes {
		return
	}
	numbers["state"] = int64(b[infoState])
	numbers["again"] = int64(b[infoRetransmits])
	numbers["probes"] = int64(b[infoProbes])
	word("rto", infoRTO, 1e3)
	word("unacked", infoUnacked, 1)
	word("lastsent", infoLastSent, 1e6)
	word("lastreceived", infoLastData, 1e6)
	word("lastack", infoLastAck, 1e6)
	word("retransmits", infoRetrans, 1)
	word("notsent", infoNotSent, 1)
	word("window", infoWindow, 1)
	if len(b) >= infoAcked+8 {
		numbers["acked"] = little(b[infoAcked:], 8)
	}
}

// little returns the number in the first bytes of b, least byte first.
func little(b []byte, size int) (n int64) {
	for i := size - 1; i >= 0; i-- {
		n = n<<8 | int64(b[i])
	}
	return n
}

// queue takes the length of a queue of a socket's into numbers.
func queue(fd, which uintptr, name string, numbers map[string]int64) {
	var n int32
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, which, uintptr(unsafe.Pointer(&n))); errno == 0 {
		numbers[name] = int64(n)
	}
}

// address writes an address as package net does.
func address(sa syscall.Sockaddr) string {
	switch a := sa.(type) {
	case *syscall.SockaddrInet4:
		return dotted(a.Addr[:]) + ":" + strconv.Itoa(a.Port)
	case *syscall.SockaddrInet6:
		host := coloned(a.Addr)
		if a.ZoneId != 0 {
			host += "%" + strconv.Itoa(int(a.ZoneId))
		}
		if strings.IndexByte(host, ':') < 0 {
			return host + ":" + strconv.Itoa(a.Port)
		}
		return "[" + host + "]:" + strconv.Itoa(a.Port)
	case *syscall.SockaddrUnix:
		return a.Name
	}
	return ""
}

func dotted(b []byte) string {
	s := ""
	for i, n := range b {
		if i > 0 {
			s += "."
		}
		s += strconv.Itoa(int(n))
	}
	return s
}

// coloned writes an IPv6 address, the longest run of zeros left out (RFC 5952),
// and one that stands for an IPv4 address as that.
func coloned(b [16]byte) string {
	var groups [8]uint16
	for i := range groups {
		groups[i] = uint16(b[2*i])<<8 | uint16(b[2*i+1])
	}
	if groups[5] == 0xffff && groups[0]|groups[1]|groups[2]|groups[3]|groups[4] == 0 {
		return dotted(b[12:])
	}
	from, to := -1, -1
	for i := 0; i < len(groups); {
		j := i
		for j < len(groups) && groups[j] == 0 {
			j++
		}
		if j-i > 1 && j-i > to-from {
			from, to = i, j
		}
		if j == i {
			j++
		}
		i = j
	}
	s := ""
	for i := 0; i < len(groups); i++ {
		if i == from {
			s += "::"
			i = to - 1
			continue
		}
		if i > 0 && i != to {
			s += ":"
		}
		s += strconv.FormatUint(uint64(groups[i]), 16)
	}
	return s
}
