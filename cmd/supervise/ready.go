package supervise

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/lifesign-go/lifesign/internal/supervise"
)

// CheckReady says what is wrong with a way to tell when a program is ready, given the
// sockets that are held for it.
func CheckReady(ready string, listen []string) error {
	kind, rest, _ := strings.Cut(ready, ":")
	switch {
	case ready == "" || ready == "notify":
		return nil
	case kind == "tcp":
		if _, _, err := net.SplitHostPort(rest); err != nil {
			return fmt.Errorf("-ready %s: %w", ready, err)
		}
		for _, l := range listen {
			if l == ready {
				return fmt.Errorf("-ready %s: lifesign itself holds that port, so it is always open (use -ready http://… or notify)", ready)
			}
		}
		return nil
	case kind == "http" || kind == "https":
		u, err := url.Parse(ready)
		if err == nil && u.Host == "" {
			err = fmt.Errorf("it names no host")
		}
		if err != nil {
			return fmt.Errorf("-ready %s: %w", ready, err)
		}
		return nil
	}
	return fmt.Errorf("-ready %s: want notify, tcp:HOST:PORT or http://HOST:PORT/PATH", ready)
}

const (
	probeFirst = 20 * time.Millisecond
	probeMost  = 500 * time.Millisecond
	probeTime  = 2 * time.Second
)

// probe asks again and again until the program is ready, or it is not there any more.
func (d *Driver) probe(p *process) {
	if d.conf.Ready == "notify" {
		return
	}
	for wait := probeFirst; ; wait = min(wait*3/2, probeMost) {
		if ready(d.conf.Ready) {
			d.happen(supervise.Event{Kind: supervise.IsReady, PID: p.pid})
			return
		}
		select {
		case <-p.waiting:
			return
		case <-d.ending:
			return
		case <-time.After(wait):
		}
	}
}

// ready asks once.
func ready(how string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), probeTime)
	defer cancel()
	if address, ok := strings.CutPrefix(how, "tcp:"); ok {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return false
		}
		c.Close()
		return true
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, how, nil)
	if err != nil {
		return false
	}
	req.Close = true
	client := http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{Proxy: nil, DisableKeepAlives: true},
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode >= 200 && resp.StatusCode < 400
}
