package kernel

import (
	"encoding/binary"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/event"
)

// What the process connector says: a header of netlink (16 bytes), one of the
// connector (20) and the event, by linux/connector.h and linux/cn_proc.h.
const (
	connectorProcesses = 1 // CN_IDX_PROC, the group, and CN_VAL_PROC
	connectorListen    = 1 // PROC_CN_MCAST_LISTEN
	connectorIgnore    = 2 // PROC_CN_MCAST_IGNORE

	eventNone = 0          // PROC_EVENT_NONE: the answer to a request
	eventExit = 0x80000000 // PROC_EVENT_EXIT

	connectorHeader = unix.NLMSG_HDRLEN + 20
	atWhat          = connectorHeader      // what
	atTime          = connectorHeader + 8  // timestamp_ns, ktime_get_ns: CLOCK_MONOTONIC
	atData          = connectorHeader + 16 // of an exit: pid, tgid, code, signal

	connectorMessage = 256 // more than the longest event
)

// connectorEvent is what one message says.
type connectorEvent struct {
	what uint32
	ack  uint32 // of eventNone: the request's number and one
	err  uint32 // of eventNone: 0, or why the request was refused
	exit ExitOf // of eventExit
}

// parseConnector reads a message; ok is false if it is no event.
func parseConnector(b []byte) (m connectorEvent, ok bool) {
	order := binary.NativeEndian
	if len(b) < atData+4 || order.Uint32(b) > uint32(len(b)) || order.Uint32(b) < atData+4 {
		return m, false
	}
	if order.Uint32(b[16:]) != connectorProcesses || order.Uint32(b[20:]) != connectorProcesses {
		return m, false
	}
	m.what = order.Uint32(b[atWhat:])
	switch m.what {
	case eventNone:
		m.ack = order.Uint32(b[28:])
		m.err = order.Uint32(b[atData:])
	case eventExit:
		if len(b) < atData+12 {
			return m, false
		}
		m.exit = ExitOf{
			PID: int(int32(order.Uint32(b[atData+4:]))),
			Exit: event.Exit{
				TID:  int(int32(order.Uint32(b[atData:]))),
				Code: int(order.Uint32(b[atData+8:])),
				At:   int64(order.Uint64(b[atTime:])),
			},
		}
	}
	return m, true
}

// listenRequest is the message that begins or ends events. The kernel's answer
// has the next number; the sequence number is the kernel's own.
func listenRequest(op, number uint32) []byte {
	order := binary.NativeEndian
	b := make([]byte, connectorHeader+4)
	order.PutUint32(b, uint32(len(b)))
	order.PutUint16(b[4:], unix.NLMSG_DONE)
	order.PutUint32(b[16:], connectorProcesses)
	order.PutUint32(b[20:], connectorProcesses)
	order.PutUint32(b[28:], number)
	order.PutUint16(b[32:], 4)
	order.PutUint32(b[connectorHeader:], op)
	return b
}

// maxFiltered is how many processes the kernel itself tells apart. A jump in a
// filter goes 255 instructions far at most.
const maxFiltered = 128

// setFilter has the kernel throw away, before it wakes anybody, all events but
// answers and the exits of pids; of all processes if there are none or too many.
func setFilter(fd int, pids []int) error {
	f := exitFilter(pids)
	err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]})
	runtime.KeepAlive(f)
	return err
}

func exitFilter(pids []int) []unix.SockFilter {
	if len(pids) > maxFiltered {
		pids = nil
	}
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	equal := func(v uint32, yes, no int) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: swapped(v), Jt: uint8(yes), Jf: uint8(no)}
	}
	n := len(pids)
	f := []unix.SockFilter{load(atWhat)}
	if n == 0 {
		f = append(f, equal(eventNone, 2, 0), equal(eventExit, 1, 0))
	} else {
		f = append(f, equal(eventNone, n+3, 0), equal(eventExit, 0, n+1), load(atData+4))
		for i, pid := range pids {
			f = append(f, equal(uint32(pid), n-i, 0))
		}
	}
	return append(f,
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0xffffffff})
}

// swapped returns v as a filter sees it: it loads words as the network has them.
func swapped(v uint32) uint32 {
	var b [4]byte
	binary.NativeEndian.PutUint32(b[:], v)
	return binary.BigEndian.Uint32(b[:])
}
