package guard

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/lifesign-go/lifesign/guard/unit"
)

// Handler returns h with each request as a unit of work, whose context is the
// request's. A crash costs the request and the connection that it came by: its
// client gets status 500 if nothing of the response has been sent, and a
// connection that is cut off otherwise. http.ErrAbortHandler is no crash and goes
// on to the server.
//
// h is given a writer that has the server's own abilities: it is an http.Flusher,
// http.Hijacker, io.ReaderFrom or http.Pusher if the server's is.
func Handler(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t := &tracker{ResponseWriter: w}
		err := unit.DoBut(r.Context(), func(ctx context.Context) error {
			h.ServeHTTP(t.able(), r.WithContext(ctx))
			return nil
		}, aborts)
		var c *unit.Crash
		if errors.As(err, &c) {
			t.giveUp()
		}
	})
}

// aborts reports whether v is how a handler gives up a request on purpose.
func aborts(v any) bool {
	err, ok := v.(error)
	return ok && errors.Is(err, http.ErrAbortHandler)
}

// tracker knows what has become of a response.
type tracker struct {
	http.ResponseWriter
	begun    bool     // something of it may have been sent
	hijacked net.Conn // the handler has taken the connection over
}

// giveUp ends the response of a request that has crashed, and its connection.
func (t *tracker) giveUp() {
	if t.hijacked != nil {
		t.hijacked.Close()
		return
	}
	if t.begun {
		panic(http.ErrAbortHandler) // the server closes the connection, or resets the stream
	}
	header := t.ResponseWriter.Header()
	for name := range header { // what the handler meant to send
		delete(header, name)
	}
	header.Set("Connection", "close")
	http.Error(t.ResponseWriter, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
}

// WriteHeader notes that the response has begun, unless it is only announced.
func (t *tracker) WriteHeader(status int) {
	t.begun = t.begun || status >= 200 || status == http.StatusSwitchingProtocols
	t.ResponseWriter.WriteHeader(status)
}

// Write notes that the response has begun.
func (t *tracker) Write(b []byte) (int, error) {
	t.begun = true
	return t.ResponseWriter.Write(b)
}

// Unwrap returns the server's own writer, for http.ResponseController.
func (t *tracker) Unwrap() http.ResponseWriter {
	t.begun = true // whoever asks may send something
	return t.ResponseWriter
}

// able returns the tracker with the abilities of the writer that it tracks, in the
// two sets that servers have: those of HTTP/1 and those of HTTP/2.
func (t *tracker) able() http.ResponseWriter {
	flusher, flushes := t.ResponseWriter.(http.Flusher)
	hijacker, hijacks := t.ResponseWriter.(http.Hijacker)
	reader, reads := t.ResponseWriter.(io.ReaderFrom)
	pusher, pushes := t.ResponseWriter.(http.Pusher)
	switch {
	case flushes && hijacks && reads:
		return &first{flushing{t, flusher}, hijacker, reader}
	case flushes && pushes:
		return &second{flushing{t, flusher}, pusher}
	case flushes:
		return &flushing{t, flusher}
	}
	return t
}

type flushing struct {
	*tracker
	flusher http.Flusher
}

func (f *flushing) Flush() {
	f.begun = true
	f.flusher.Flush()
}

// first is a writer of HTTP/1.
type first struct {
	flushing
	hijacker http.Hijacker
	reader   io.ReaderFrom
}

func (f *first) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := f.hijacker.Hijack()
	f.hijacked = conn
	return conn, buffers, err
}

func (f *first) ReadFrom(r io.Reader) (int64, error) {
	f.begun = true
	return f.reader.ReadFrom(r)
}

// second is a writer of HTTP/2.
type second struct {
	flushing
	http.Pusher
}
