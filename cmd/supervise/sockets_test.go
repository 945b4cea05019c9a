package supervise

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// address is where the driver's first socket listens.
func address(t *testing.T, r *run) string {
	t.Helper()
	sa, err := unix.Getsockname(int(r.held[0].file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", sa.(*unix.SockaddrInet4).Port)
}

// While the program crashes, and starts again, a client in a loop is never refused: it
// is answered by the old one or the new one, or was in the old one's hands.
func TestNoConnectionIsRefused(t *testing.T) {
	r := begin(t, Config{Argv: program("serves"), Listen: []string{"tcp4:127.0.0.1:0"}, Policy: quickly})
	until(t, "up", func() bool { return r.count() == 1 })
	at := address(t, r)
	stop := make(chan struct{})
	var clients sync.WaitGroup
	var mu sync.Mutex // guards what follows
	served, cut, refused := map[string]int{}, 0, 0
	for i := 0; i < 4; i++ {
		clients.Add(1)
		go func() {
			defer clients.Done()
			for {
				select {
				case <-stop:
					return
				default:
				}
				who, err := get(at, "/")
				mu.Lock()
				switch {
				case err == nil:
					served[who]++
				case strings.Contains(err.Error(), "refused"):
					refused++
				default:
					cut++
				}
				mu.Unlock()
			}
		}()
	}
	for n := 1; n < 4; n++ {
		get(at, "/crash")
		until(t, "another run", func() bool { return r.count() == n+1 })
		until(t, "an answer", func() bool { _, err := get(at, "/"); return err == nil })
	}
	close(stop)
	clients.Wait()
	if refused > 0 || len(served) < 3 {
		t.Errorf("refused %d; served by %v", refused, served)
	}
	t.Logf("served %v, cut in the middle %d, refused %d", served, cut, refused)
}

func get(address, path string) (string, error) {
	client := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + address + path)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func TestListen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "socket")
	for i := 0; i < 2; i++ { // the second time it is stale
		for _, spec := range []string{"tcp:127.0.0.1:0", "udp:127.0.0.1:0", "unix:" + path} {
			f, err := listen(spec)
			if err != nil {
				t.Fatal(err)
			}
			if flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK != 0 {
				t.Errorf("%s is not blocking, as systemd's are", spec)
			}
			f.Close()
		}
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, spec := range []string{"", "tcp", "x:1", "tcp:nowhere.invalid:1", "tcp:" + l.Addr().String()} {
		if _, err := listen(spec); err == nil {
			t.Errorf("%q can be listened on", spec)
		}
	}
}

func unixGet(socket, path string) (string, error) {
	client := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	resp, err := client.Get("http://program" + path)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}
