package fencehttp

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/lease"
)

// service is a fenced service that counts what reaches it.
func service(t *testing.T, next http.HandlerFunc) (url string, f *lease.Fence) {
	t.Helper()
	f, err := lease.NewFence(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(Handler(f, next))
	t.Cleanup(s.Close)
	return s.URL, f
}

func TestHandler(t *testing.T) {
	reached := 0
	url, _ := service(t, func(w http.ResponseWriter, r *http.Request) { reached++; w.WriteHeader(http.StatusTeapot) })
	for i, c := range []struct {
		method, token, barrier string
		want                   int
		reaches                bool
	}{
		{"POST", "7", "", http.StatusTeapot, true},
		{"POST", "", "", http.StatusPreconditionRequired, false},
		{"GET", "", "", http.StatusTeapot, true},
		{"GET", "", "1", http.StatusPreconditionRequired, false},
		{"POST", "6", "", http.StatusPreconditionFailed, false},
		{"GET", "6", "", http.StatusPreconditionFailed, false},
		{"POST", "9", "1", http.StatusNoContent, false},
		{"PUT", "8", "", http.StatusPreconditionFailed, false},
		{"PUT", "00000000000000000009", "", http.StatusTeapot, true},
		{"PUT", "0", "", http.StatusBadRequest, false},
		{"PUT", "-9", "", http.StatusBadRequest, false},
		{"PUT", "9,10", "", http.StatusBadRequest, false},
	} {
		req, _ := http.NewRequest(c.method, url, nil)
		if c.token != "" {
			req.Header.Set(Header, c.token)
		}
		if c.barrier != "" {
			req.Header.Set(BarrierHeader, c.barrier)
		}
		before := reached
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.want || (reached > before) != c.reaches {
			t.Errorf("request %d, %s with token %q: %s, reached %v, want %d, %v", i, c.method, c.token, resp.Status, reached > before, c.want, c.reaches)
		}
	}
	req, _ := http.NewRequest("PUT", url, nil)
	req.Header.Add(Header, "9")
	req.Header.Add(Header, "10")
	if resp, err := http.DefaultClient.Do(req); err != nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("two tokens: %v, %v", resp, err)
	}
}

func TestStore(t *testing.T) {
	ctx := context.Background()
	url, f := service(t, func(http.ResponseWriter, *http.Request) { t.Error("a barrier has reached the service") })
	if err := (Store{URL: url}).Barrier(ctx, 4); err != nil || f.Highest() != 4 {
		t.Errorf("barrier: %v, highest %d", err, f.Highest())
	}
	var stale *lease.StaleError
	if err := (Store{URL: url}).Barrier(ctx, 3); !errors.As(err, &stale) || stale.Highest != 4 {
		t.Errorf("barrier of a lower token: %v", err)
	}
	// Who answers 200, 204 or 412 to everything has no fence.
	for _, status := range []int{200, 204, 412} {
		plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		if err := (Store{URL: plain.URL}).Barrier(ctx, 4); err == nil || errors.Is(err, lease.ErrStale) {
			t.Errorf("a service without a fence that answers %d: %v", status, err)
		}
		plain.Close()
	}
	if err := (Store{URL: "http://127.0.0.1:1/"}).Barrier(ctx, 4); err == nil {
		t.Error("a service that is not there lets Open pass")
	}
}

// book is a keeper that gives the lease to whoever asks.
type book struct{ token lease.Token }

func (b *book) Acquire(context.Context) (lease.Token, error) { b.token++; return b.token, nil }
func (b *book) Renew(context.Context, lease.Token) (time.Duration, error) {
	return time.Minute, nil
}
func (b *book) Release(context.Context, lease.Token) error { return nil }

// The way of a token from Do to the service, and of the refusal back.
func TestTransport(t *testing.T) {
	var got []string
	url, f := service(t, func(w http.ResponseWriter, r *http.Request) { got = append(got, r.Header.Get(Header)) })
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	l, err := lease.Hold(ctx, lease.Config{Keeper: &book{}})
	if err != nil {
		t.Fatal(err)
	}
	term, err := l.Open(ctx, Store{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: Transport{}}
	post := func(ctx context.Context, _ lease.Token) error {
		req, err := http.NewRequestWithContext(ctx, "POST", url, strings.NewReader("x"))
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		io.Copy(io.Discard, resp.Body)
		return resp.Body.Close()
	}
	if err := term.Do(ctx, post); err != nil || len(got) != 1 || got[0] != lease.Token(1).String() {
		t.Errorf("Do: %v, the service got tokens %v", err, got)
	}
	if err := f.Barrier(ctx, 2); err != nil { // another holder's
		t.Fatal(err)
	}
	if err := term.Do(ctx, post); !errors.Is(err, lease.ErrStale) {
		t.Errorf("Do after another's barrier: %v", err)
	}
	if resp, err := client.Get(url); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("a request of no work: %v, %v", resp, err)
	}
}
