package fencehttp

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/lifesign-go/lifesign/lease"
)

// Store is a service behind Handler, for lease.Lease.Open.
type Store struct {
	URL    string       // any address that Handler answers
	Client *http.Client // nil for http.DefaultClient
}

// Barrier sends t and nothing else. Only Handler's own answer counts: a service that
// says 200 to whatever comes keeps nobody out.
func (s Store) Barrier(ctx context.Context, t lease.Token) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, nil)
	if err != nil {
		return err
	}
	Set(req.Header, t)
	req.Header.Set(BarrierHeader, "1")
	client := s.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	io.Copy(io.Discard, io.LimitReader(resp.Body, 4096)) // so that the connection can be used again
	resp.Body.Close()
	if err := Check(resp, t); err != nil {
		return err
	}
	if got, ok, _ := Get(resp.Header); resp.StatusCode != http.StatusNoContent || !ok || got != t {
		return fmt.Errorf("%s answers a barrier with %s and is behind no fence", s.URL, resp.Status)
	}
	return nil
}

// Check returns a *lease.StaleError if resp refuses t, nil otherwise.
func Check(resp *http.Response, t lease.Token) error {
	highest, ok, err := Get(resp.Header)
	if resp.StatusCode != http.StatusPreconditionFailed || !ok || err != nil {
		return nil
	}
	return &lease.StaleError{Token: t, Highest: highest}
}

// Transport puts the token of the work that a request is made for (the context of
// lease.Term.Do) into its header, and makes an error of its refusal, for which
// errors.Is(err, lease.ErrStale) holds. Requests of no work go as they are.
type Transport struct {
	Base http.RoundTripper // nil for http.DefaultTransport
}

// RoundTrip implements http.RoundTripper.
func (tr Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	base := tr.Base
	if base == nil {
		base = http.DefaultTransport
	}
	t, ok := lease.FromContext(req.Context())
	if !ok {
		return base.RoundTrip(req)
	}
	req = req.Clone(req.Context()) // a RoundTripper does not change its request
	Set(req.Header, t)
	resp, err := base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if err := Check(resp, t); err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp, nil
}
