package mimic

import (
	"os"
	"path"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/page"
)

const maxData = page.MimicData

// here is the working directory in which the program has begun, for names of
// files that were opened in it.
var here = workingDirectory()

// workingDirectory asks the kernel alone: os.Getwd would stat the directory, which
// hangs where its file system does.
func workingDirectory() string {
	dir, err := syscall.Getwd()
	if err != nil {
		return ""
	}
	return dir
}

// absolute makes a path that the program has just used absolute.
func absolute(name string) string { return below(workingDirectory(), name) }

func below(dir, name string) string {
	if name == "" || name[0] == '/' || dir == "" {
		return name
	}
	return path.Join(dir, name)
}

// open fills in the path and the descriptor of a file that the program has open.
//
// The descriptor is asked for twice, and what the kernel calls it in between: a
// file that is open afterwards was so all the time, so the name is its own. To
// hold it meanwhile would have a Close of the program's return before its file
// is closed, and without its error.
func open(m *event.Mimic, v any) lack {
	f, ok := v.(*os.File)
	switch {
	case v == nil:
		return isCollected
	case !ok:
		return isForeign
	case f == nil:
		return isClosed
	}
	rc, err := f.SyscallConn()
	if err != nil {
		return isClosed
	}
	fd, ok := number(rc)
	if !ok {
		return isClosed
	}
	link, linked := "", false
	if system == "linux" {
		link, err = os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
		linked = err == nil
	}
	if again, ok := number(rc); !ok || again != fd {
		return isClosed
	}
	m.FD = fd
	if !linked { // without /proc
		m.Path = below(here, f.Name())
		return onDisk(m.Path)
	}
	if cut := strings.TrimSuffix(link, " (deleted)"); cut != link && !strings.HasSuffix(f.Name(), " (deleted)") {
		link = cut
		m.Numbers = map[string]int64{"deleted": 1}
	}
	m.Path = link
	return onDisk(link)
}

// number returns the descriptor of what is open.
func number(rc syscall.RawConn) (fd int, ok bool) {
	err := rc.Control(func(n uintptr) { fd, ok = int(n), true })
	return fd, ok && err == nil
}

// socket returns a way to the descriptor of a connection or a listener of package
// net, or of the connection in one of crypto/tls. Other types may have a method
// SyscallConn, too, but it may be one that locks, or one that reads what the
// program writes.
func socket(v any) (rc syscall.RawConn, network string, why lack) {
	if v == nil {
		return nil, "", isCollected
	}
	t := reflect.TypeOf(v)
	if t.Kind() != reflect.Ptr || reflect.ValueOf(v).Pointer() == 0 {
		return nil, "", isForeign
	}
	if t.Elem().PkgPath() == "crypto/tls" && t.Elem().Name() == "Conn" {
		if v = within(v); v == nil {
			return nil, "", isForeign
		}
		t = reflect.TypeOf(v)
	}
	if t.Elem().PkgPath() != "net" {
		return nil, "", isForeign
	}
	switch t.Elem().Name() {
	case "TCPConn", "TCPListener":
		network = "tcp"
	case "UnixConn", "UnixListener":
		network = "unix"
	case "UDPConn":
		network = "udp"
	default:
		return nil, "", isForeign
	}
	c, ok := v.(syscall.Conn)
	if !ok {
		return nil, "", isForeign
	}
	rc, err := c.SyscallConn()
	if err != nil {
		return nil, "", isClosed
	}
	return rc, network, lacksNothing
}

// within returns the pointer in the field conn of a *tls.Conn, which crypto/tls
// does not change after it has made the Conn. Its method NetConn cannot be called
// without package net, which would name its result.
func within(v any) any {
	s := reflect.ValueOf(v).Elem()
	if s.Kind() != reflect.Struct {
		return nil
	}
	f := s.FieldByName("conn")
	if !f.IsValid() || f.Kind() != reflect.Interface || f.IsNil() {
		return nil
	}
	p := f.Elem()
	if p.Kind() != reflect.Ptr || p.IsNil() {
		return nil
	}
	return reflect.NewAt(p.Type().Elem(), unsafe.Pointer(p.Pointer())).Interface()
}
