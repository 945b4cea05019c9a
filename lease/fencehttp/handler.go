package fencehttp

import (
	"errors"
	"net/http"

	"github.com/lifesign-go/lifesign/lease"
)

// The headers.
const (
	Header        = "Lifesign-Token"   // the token, in decimal digits
	BarrierHeader = "Lifesign-Barrier" // "1" if the request is a barrier and nothing else
)

// Set puts t into a request's header.
func Set(h http.Header, t lease.Token) { h.Set(Header, t.String()) }

// Get returns the token of a header. ok is false if there is none; more than one is
// an error.
func Get(h http.Header) (t lease.Token, ok bool, err error) {
	switch values := h.Values(Header); len(values) {
	case 0:
		return 0, false, nil
	case 1:
		t, err = lease.ParseToken(values[0])
		return t, err == nil, err
	default:
		return 0, false, errors.New("more than one token in a header")
	}
}

// Handler lets requests through to next as long as no higher token than theirs was
// seen, and answers barriers itself. It may be mounted at any number of places with
// one fence. A request holds the fence until next returns, whatever it does with the
// connection meanwhile.
//
// A request without a token is let through if its method changes nothing: GET, HEAD,
// OPTIONS, TRACE.
func Handler(f *lease.Fence, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, ok, err := Get(r.Header)
		barrier := r.Header.Get(BarrierHeader) != ""
		switch {
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		case !ok && (barrier || !safe(r.Method)):
			http.Error(w, "this needs a fencing token in the header "+Header, http.StatusPreconditionRequired)
			return
		case !ok:
			next.ServeHTTP(w, r)
			return
		}
		reached := false
		err = f.Do(r.Context(), t, func() error {
			reached = true
			if barrier {
				Set(w.Header(), t)
				w.WriteHeader(http.StatusNoContent)
				return nil
			}
			next.ServeHTTP(w, r)
			return nil
		})
		if !reached {
			refuse(w, f, err)
		}
	})
}

// refuse answers what the fence did not let through.
func refuse(w http.ResponseWriter, f *lease.Fence, err error) {
	status := http.StatusServiceUnavailable
	if errors.Is(err, lease.ErrStale) {
		status = http.StatusPreconditionFailed
		Set(w.Header(), f.Highest())
	}
	http.Error(w, err.Error(), status)
}

// safe reports whether a method changes nothing (RFC 9110, 9.2.1).
func safe(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}
