package errands

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/event"
)

// Bounds of a connection. The kernel gives one up by itself after two minutes.
const (
	maxDial   = 30 * time.Second
	maxLookup = 10 * time.Second
)

// connect makes a connection, speaks TLS on it if the deed is that, and closes it in
// the usual way: the peer sees one that ends at once, without having asked for
// anything. A reset instead (SO_LINGER of 0) would be an error at the peer's accept
// or first read.
func (j *job) connect() (string, error) {
	network, address := j.Network, string(j.Address)
	switch j.Where {
	case event.Here:
	case event.Loopback:
		l, err := j.listen()
		if err != nil {
			return "", unable("there is no connection to oneself: " + err.Error())
		}
		defer l.Close()
		network, address = "tcp", l.Addr().String()
	default:
		return "", unable("a connection is not made at " + string(j.Where))
	}
	var fd int
	var err error
	var host string
	switch network {
	case "unix":
		fd, err = j.dial(unix.AF_UNIX, &unix.SockaddrUnix{Name: address})
	case "tcp", "tcp4", "tcp6":
		fd, host, err = j.dialTCP(network, address)
	default:
		return "", unable("what a connection over " + network + " would say is not known")
	}
	if err != nil {
		return "", during("connect to "+address, err)
	}
	if j.Deed == event.DoHandshake {
		return j.handshake(fd, host)
	}
	return "", nil
}

// dialTCP connects to the first address of a name that answers.
func (j *job) dialTCP(network, address string) (fd int, host string, err error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return -1, "", unable(err.Error())
	}
	n, err := net.LookupPort(network, port)
	if err != nil {
		return -1, "", unable(err.Error())
	}
	list, err := j.lookUp(network, host)
	if err != nil {
		return -1, "", err
	}
	for _, ip := range list {
		var to unix.Sockaddr = &unix.SockaddrInet6{Port: n, Addr: ip.As16(), ZoneId: zone(ip)}
		family := unix.AF_INET6
		if ip.Unmap().Is4() {
			to, family = &unix.SockaddrInet4{Port: n, Addr: ip.Unmap().As4()}, unix.AF_INET
		}
		if fd, err = j.dial(family, to); err == nil {
			return fd, host, nil
		}
	}
	return -1, "", err
}

// lookUp returns the addresses of a host, those of one family alone if the network says
// so. Names are looked up where the agent is: in another root, or another network, that
// could be another host.
func (j *job) lookUp(network, host string) (list []netip.Addr, err error) {
	if host == "" {
		host = "127.0.0.1"
	}
	all := []netip.Addr{}
	if ip, err := netip.ParseAddr(host); err == nil {
		all = append(all, ip)
	} else if j.s.gate.Root || j.s.gate.Network {
		return nil, unable("the name " + host + " cannot be looked up in the program's root or network")
	} else {
		ctx, cancel := context.WithTimeout(context.Background(), maxLookup)
		defer cancel()
		if all, err = net.DefaultResolver.LookupNetIP(ctx, "ip", host); err != nil {
			return nil, err
		}
	}
	for _, ip := range all {
		if four := ip.Unmap().Is4(); network == "tcp4" && !four || network == "tcp6" && four {
			continue
		}
		list = append(list, ip)
	}
	if len(list) == 0 {
		return nil, unable("there is no address of " + host + " for " + network)
	}
	return list, nil
}

func zone(ip netip.Addr) uint32 {
	if ip.Zone() == "" {
		return 0
	}
	i, err := net.InterfaceByName(ip.Zone())
	if err != nil {
		return 0
	}
	return uint32(i.Index)
}

// dial connects by a call that the kernel blocks in, so that it can be asked where the
// thread stands.
func (j *job) dial(family int, to unix.Sockaddr) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	j.fds = append(j.fds, fd)
	limit := unix.NsecToTimeval(int64(maxDial))
	for _, option := range []int{unix.SO_SNDTIMEO, unix.SO_RCVTIMEO} {
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, option, &limit); err != nil {
			return -1, err
		}
	}
	// Not again after a signal: the connection then goes on by itself (connect(2)).
	err = unix.Connect(fd, to)
	for err == unix.EINTR || err == unix.EALREADY {
		err = unix.Connect(fd, to)
	}
	switch err {
	case unix.EISCONN:
		err = nil
	case unix.EINPROGRESS, unix.EAGAIN:
		err = unix.ETIMEDOUT
	}
	return fd, err
}

// handshake speaks TLS. Whether the certificate is good is the program's business: a
// peer that answers is there. One that refuses, by an alert, has answered, too.
func (j *job) handshake(fd int, host string) (string, error) {
	config := &tls.Config{ServerName: host, InsecureSkipVerify: true}
	c := tls.Client(stream(fd), config)
	err := c.Handshake()
	var alert tls.AlertError
	var record tls.RecordHeaderError
	switch {
	case err == nil:
		_ = c.CloseWrite()
		return "", nil
	case errors.As(err, &alert), strings.HasPrefix(err.Error(), "remote error: "):
		return "the peer has answered the handshake with an alert: " + err.Error(), nil
	case errors.As(err, &record):
		return "", unable("the peer does not speak TLS: " + err.Error())
	}
	return "", during("shake hands with "+host, err)
}

// stream is a connected socket whose calls block in the kernel.
type stream int

func (s stream) Read(b []byte) (n int, err error) {
	err = again(func() error {
		n, err = unix.Read(int(s), b)
		return err
	})
	if n == 0 && err == nil && len(b) > 0 {
		err = io.EOF
	}
	if n < 0 {
		n = 0
	}
	return n, err
}

func (s stream) Write(b []byte) (n int, err error) {
	for n < len(b) {
		m := 0
		err = again(func() (err error) {
			m, err = unix.SendmsgN(int(s), b[n:], nil, nil, unix.MSG_NOSIGNAL)
			return err
		})
		if err != nil {
			return n, err
		}
		n += m
	}
	return n, nil
}

func (s stream) Close() error                     { return nil }
func (s stream) LocalAddr() net.Addr              { return &net.UnixAddr{} }
func (s stream) RemoteAddr() net.Addr             { return &net.UnixAddr{} }
func (s stream) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (s stream) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (s stream) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

// listen has a listener on the loopback of the helper's thread, which accepts one
// connection and speaks TLS on it if the deed is that.
func (j *job) listen() (net.Listener, error) {
	// A thread that has entered another network makes its sockets there, as long as
	// the goroutine stays on it: to listen on a literal address does.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	var config *tls.Config
	if j.Deed == event.DoHandshake {
		if config, err = selfSigned(); err != nil {
			l.Close()
			return nil, err
		}
	}
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(maxDial))
		if config != nil {
			c = tls.Server(c, config)
		}
		_, _ = c.Read(make([]byte, 1))
	}()
	return l, nil
}

// selfSigned makes a certificate that nobody will check.
func selfSigned() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: key}}}, nil
}
