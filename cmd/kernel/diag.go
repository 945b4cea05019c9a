package kernel

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The messages of sock_diag, by linux/sock_diag.h, linux/inet_diag.h and
// linux/unix_diag.h.
const (
	diagBuffer = 32 << 10 // what the kernel fills at a time

	inetRequest = 56 // struct inet_diag_req_v2
	inetAnswer  = 72 // struct inet_diag_msg
	inetID      = 48 // struct inet_diag_sockid, at 4 in the answer and at 8 in the request
	inetInfo    = 2  // INET_DIAG_INFO: struct tcp_info

	unixAsk    = 24 // struct unix_diag_req
	unixAnswer = 16 // struct unix_diag_msg
	unixPeer   = 2  // UNIX_DIAG_PEER
	unixQueues = 4  // UNIX_DIAG_RQLEN
	showPeer   = 4  // UDIAG_SHOW_PEER
	showQueues = 16 // UDIAG_SHOW_RQLEN

	tcpSynSent = 2
	tcpListen  = 10
)

// tcpStates are the states of TCP (net/tcp_states.h), as ss names them.
var tcpStates = []string{"", "established", "syn-sent", "syn-recv", "fin-wait-1", "fin-wait-2", "time-wait", "closed", "close-wait", "last-ack", "listen", "closing", "new-syn-recv"}

// diagMessage puts the header of netlink before a request, for one socket or all.
func diagMessage(request []byte, number uint32, all bool) []byte {
	order := binary.NativeEndian
	b := make([]byte, unix.NLMSG_HDRLEN, unix.NLMSG_HDRLEN+len(request))
	order.PutUint32(b, uint32(cap(b)))
	order.PutUint16(b[4:], unix.SOCK_DIAG_BY_FAMILY)
	flags := uint16(unix.NLM_F_REQUEST)
	if all {
		flags |= unix.NLM_F_DUMP
	}
	order.PutUint16(b[6:], flags)
	order.PutUint32(b[8:], number)
	return append(b, request...)
}

// tcpRequest asks about the socket that id is of, as parseTCP returns it, or, if it
// is a family alone, about all of that.
func tcpRequest(id []byte) []byte {
	b := make([]byte, inetRequest)
	b[0], b[1], b[2] = id[0], unix.IPPROTO_TCP, 1<<(inetInfo-1)
	binary.NativeEndian.PutUint32(b[4:], 0xffffffff) // in whatever state
	copy(b[8:], id[1:])
	return b
}

func unixRequest(inode uint32) []byte {
	order := binary.NativeEndian
	b := make([]byte, unixAsk)
	b[0] = unix.AF_UNIX
	order.PutUint32(b[4:], 0xffffffff)
	order.PutUint32(b[8:], inode)
	order.PutUint32(b[12:], showPeer|showQueues)
	order.PutUint64(b[16:], 0xffffffffffffffff) // INET_DIAG_NOCOOKIE
	return b
}

// diagAnswers hands each answer to the request of that number to look. done says
// that the kernel has said that there are no more.
func diagAnswers(b []byte, number uint32, look func([]byte)) (done bool, err error) {
	order := binary.NativeEndian
	for len(b) >= unix.NLMSG_HDRLEN {
		n := int(order.Uint32(b))
		if n < unix.NLMSG_HDRLEN || n > len(b) {
			return true, unix.EBADMSG
		}
		body := b[unix.NLMSG_HDRLEN:n]
		if order.Uint32(b[8:]) == number {
			switch order.Uint16(b[4:]) {
			case unix.NLMSG_DONE:
				return true, nil
			case unix.NLMSG_ERROR:
				if len(body) < 4 {
					return true, unix.EBADMSG
				}
				if code := int32(order.Uint32(body)); code < 0 {
					return true, syscall.Errno(-code)
				}
				return true, nil
			case unix.SOCK_DIAG_BY_FAMILY:
				look(body)
			}
		}
		if n = (n + 3) &^ 3; n > len(b) {
			n = len(b)
		}
		b = b[n:]
	}
	return false, nil
}

// attribute returns one of the attributes that follow an answer, nil if it has none
// such.
func attribute(b []byte, kind uint16) []byte {
	order := binary.NativeEndian
	for len(b) >= 4 {
		n := int(order.Uint16(b))
		if n < 4 || n > len(b) {
			return nil
		}
		if order.Uint16(b[2:]) == kind {
			return b[4:n]
		}
		if n = (n + 3) &^ 3; n > len(b) {
			return nil
		}
		b = b[n:]
	}
	return nil
}

// parseTCP also returns by what the kernel finds this one again, and its inode.
func parseTCP(b []byte) (t TCP, id []byte, inode uint64, ok bool) {
	order := binary.NativeEndian
	if len(b) < inetAnswer || int(b[1]) >= len(tcpStates) {
		return t, nil, 0, false
	}
	t = TCP{
		Local:       address(b[0], b[8:24], b[4:6]),
		Remote:      address(b[0], b[24:40], b[6:8]),
		State:       tcpStates[b[1]],
		Retransmits: b[3],
		Unread:      uint64(order.Uint32(b[56:])),
		Queued:      uint64(order.Uint32(b[60:])),
	}
	if b[1] == tcpListen {
		t.Queued = 0 // it is how many connections may wait
	}
	t.info(attribute(b[inetAnswer:], inetInfo))
	id = append([]byte{b[0]}, b[4:4+inetID]...)
	return t, id, uint64(order.Uint32(b[68:])), true
}

// info reads struct tcp_info (linux/tcp.h), of which older kernels have less.
func (t *TCP) info(b []byte) {
	order := binary.NativeEndian
	word := func(at int) uint32 {
		if len(b) < at+4 {
			return 0
		}
		return order.Uint32(b[at:])
	}
	if len(b) > 3 {
		t.Retransmits, t.Probes = b[2], b[3]
	}
	t.Timeout = time.Duration(word(8)) * time.Microsecond
	t.Unacked = word(24)
	t.SinceReceived = time.Duration(word(52)) * time.Millisecond
	t.SinceAck = time.Duration(word(56)) * time.Millisecond
	if len(b) >= 136 {
		t.Acked, t.Received = order.Uint64(b[120:]), order.Uint64(b[128:])
	}
}

func address(family byte, ip, port []byte) netip.AddrPort {
	var a netip.Addr
	if family == unix.AF_INET {
		a = netip.AddrFrom4([4]byte(ip))
	} else {
		a = netip.AddrFrom16([16]byte(ip)).Unmap()
	}
	return netip.AddrPortFrom(a, binary.BigEndian.Uint16(port))
}

func parseUnix(b []byte) (u UnixSocket, inode uint64, ok bool) {
	order := binary.NativeEndian
	if len(b) < unixAnswer || b[0] != unix.AF_UNIX {
		return u, 0, false
	}
	u.Listens = b[2] == tcpListen
	if a := attribute(b[unixAnswer:], unixPeer); len(a) >= 4 {
		u.Peer = uint64(order.Uint32(a))
	}
	if a := attribute(b[unixAnswer:], unixQueues); len(a) >= 8 {
		u.Unread, u.Queued = uint64(order.Uint32(a)), uint64(order.Uint32(a[4:]))
	}
	if u.Listens {
		u.Queued = 0 // it is how many connections may wait
	}
	return u, uint64(order.Uint32(b[4:])), true
}
