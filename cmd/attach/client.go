package attach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client reads from a program's net/http/pprof endpoint.
type Client struct {
	base string // URL of the goroutine profile
	http http.Client
}

const (
	profilePath = "/debug/pprof/goroutine"
	maxBody     = 256 << 20
	maxSaid     = 200 // bytes of an error's body that are passed on
)

// NewClient returns a client of the endpoint at target, a URL or HOST:PORT. A
// URL's path leads to the endpoint if it is not at /debug/pprof/. timeout is
// how long an answer may take.
func NewClient(target string, timeout time.Duration) (*Client, error) {
	text := target
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%q is neither a URL nor HOST:PORT", target)
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%s: only http and https can be read", target)
	}
	path := strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/goroutine")
	if !strings.HasSuffix(path, "/debug/pprof") {
		if path != "" {
			path += "/"
		}
		path = "/" + strings.Trim(path, "/")
		path = strings.TrimSuffix(path, "/") + "/debug/pprof"
	}
	u.Path, u.RawQuery, u.Fragment = path+"/goroutine", "", ""
	return &Client{base: u.String(), http: http.Client{Timeout: timeout}}, nil
}

// Name is the program as the user named it: its host and port.
func (c *Client) Name() string {
	u, err := url.Parse(c.base)
	if err != nil {
		return c.base
	}
	return u.Host
}

// Profile reads how many goroutines stand where.
func (c *Client) Profile(ctx context.Context) (*Profile, time.Duration, error) {
	text, took, err := c.get(ctx, "debug=1")
	if err != nil {
		return nil, took, err
	}
	p, err := ParseProfile(text)
	if err != nil {
		return nil, took, fmt.Errorf("%s is no goroutine profile: %w", c.redacted(), err)
	}
	return &p, took, nil
}

// Dump reads the stacks of all goroutines. The program stands still meanwhile.
func (c *Client) Dump(ctx context.Context) (*Dump, time.Duration, error) {
	text, took, err := c.get(ctx, "debug=2")
	if err != nil {
		return nil, took, err
	}
	d, err := ParseDump(text)
	if err != nil {
		return nil, took, fmt.Errorf("%s?debug=2 is no goroutine dump: %w", c.redacted(), err)
	}
	return &d, took, nil
}

// ErrNoAnswer says that the program did not answer in time: it may be paused,
// starved or stuck, or the network between may be.
var ErrNoAnswer = errors.New("no answer")

func (c *Client) get(ctx context.Context, query string) (text []byte, took time.Duration, err error) {
	start := time.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"?"+query, nil)
	if err != nil {
		return nil, 0, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, time.Since(start), c.explain(err)
	}
	defer resp.Body.Close()
	text, err = io.ReadAll(io.LimitReader(resp.Body, maxBody))
	took = time.Since(start)
	switch {
	case err != nil:
		return nil, took, c.explain(err)
	case resp.StatusCode == http.StatusNotFound:
		return nil, took, fmt.Errorf("there is no pprof endpoint at %s (import net/http/pprof and serve it; if it is elsewhere, give the whole URL)", c.redacted())
	case resp.StatusCode != http.StatusOK:
		return nil, took, fmt.Errorf("%s answers %s: %s", c.redacted(), resp.Status, said(text))
	}
	return text, took, nil
}

// said is the first line of what a server says of an error.
func said(text []byte) string {
	s, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	if len(s) > maxSaid {
		s = s[:maxSaid] + "…"
	}
	return s
}

// explain makes an error of net/http short: it repeats the URL, and the method.
func (c *Client) explain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var n net.Error
	if errors.As(err, &n) && n.Timeout() {
		return fmt.Errorf("%w from %s within %s", ErrNoAnswer, c.Name(), c.http.Timeout)
	}
	return fmt.Errorf("read %s: %w", c.redacted(), err)
}

// redacted is the URL without a password.
func (c *Client) redacted() string {
	u, err := url.Parse(c.base)
	if err != nil {
		return c.base
	}
	return u.Redacted()
}
