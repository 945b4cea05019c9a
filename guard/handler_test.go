package guard

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// contained has nothing escalate, and nothing reported.
func contained(t *testing.T) {
	t.Helper()
	Configure(Config{Most: 1000, Same: 1000, Grace: -1, Report: func(*Crash) {}})
	t.Cleanup(func() { Configure(Config{}) })
}

// serve returns a server of h, by HTTP/1 or HTTP/2.
func serve(t *testing.T, two bool, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(Handler(h))
	s.EnableHTTP2 = two
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func TestACrashCostsItsRequest(t *testing.T) {
	for _, two := range []bool{false, true} {
		contained(t)
		s := serve(t, two, func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/early":
				w.Header().Set("Content-Length", "1000")
				panic("early")
			case "/late":
				w.Write(make([]byte, 100))
				w.(http.Flusher).Flush()
				panic("late")
			case "/controller":
				http.NewResponseController(w).Flush()
				panic("late")
			}
			io.WriteString(w, "well")
		})
		get := func(path string) (int, string, error) {
			resp, err := s.Client().Get(s.URL + path)
			if err != nil {
				return 0, "", err
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			return resp.StatusCode, string(body), err
		}
		if code, body, err := get("/early"); code != 500 || err != nil || !strings.HasPrefix(body, "Internal Server Error") {
			t.Errorf("early, HTTP/2 %v: %d %q, %v", two, code, body, err)
		}
		for _, path := range []string{"/late", "/controller"} {
			if _, body, err := get(path); err == nil {
				t.Errorf("%s, HTTP/2 %v: %q looks whole", path, two, body)
			}
		}
		if code, body, err := get("/"); code != 200 || body != "well" || err != nil {
			t.Errorf("after the crashes, HTTP/2 %v: %d %q, %v", two, code, body, err)
		}
	}
}

func TestTheServersAbilitiesStay(t *testing.T) {
	contained(t)
	for _, two := range []bool{false, true} {
		var plain, guarded [4]bool
		ask := func(w http.ResponseWriter, into *[4]bool) {
			_, into[0] = w.(http.Flusher)
			_, into[1] = w.(http.Hijacker)
			_, into[2] = w.(io.ReaderFrom)
			_, into[3] = w.(http.Pusher)
		}
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ask(w, &plain)
			Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { ask(w, &guarded) })).ServeHTTP(w, r)
		}))
		s.EnableHTTP2 = two
		s.StartTLS()
		resp, err := s.Client().Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		s.Close()
		if plain != guarded {
			t.Errorf("HTTP/2 %v: %v became %v", two, plain, guarded)
		}
	}
}

func TestHijackedConnectionsAreClosed(t *testing.T) {
	contained(t)
	s := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
		}
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun")
		panic("with the connection in hand")
	})
	resp, err := s.Client().Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%q, %v", body, err)
	}
}

func TestGivingUpIsNoCrash(t *testing.T) {
	contained(t)
	before, _ := Counts()
	var ctx context.Context
	s := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		ctx = r.Context()
		panic(http.ErrAbortHandler)
	})
	if resp, err := s.Client().Get(s.URL); err == nil {
		resp.Body.Close()
		t.Error("the response looks whole")
	}
	if after, _ := Counts(); after != before || Tainted(ctx) {
		t.Errorf("%d crashes, before %d", after, before)
	}
}
