package attach

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/pprof"
	"strings"
	"testing"
	"time"
)

func TestTargets(t *testing.T) {
	for target, want := range map[string]string{
		"localhost:6060":                                "http://localhost:6060/debug/pprof/goroutine",
		"http://localhost:6060":                         "http://localhost:6060/debug/pprof/goroutine",
		"http://localhost:6060/":                        "http://localhost:6060/debug/pprof/goroutine",
		"https://h/debug/pprof/":                        "https://h/debug/pprof/goroutine",
		"https://h/admin/debug/pprof":                   "https://h/admin/debug/pprof/goroutine",
		"https://h/admin":                               "https://h/admin/debug/pprof/goroutine",
		"http://h/debug/pprof/goroutine?debug=2":        "http://h/debug/pprof/goroutine",
		"http://user:secret@[::1]:80/debug/pprof/#frag": "http://user:secret@[::1]:80/debug/pprof/goroutine",
	} {
		c, err := NewClient(target, time.Second)
		if err != nil {
			t.Errorf("%s: %v", target, err)
		} else if c.base != want {
			t.Errorf("%s: %s, want %s", target, c.base, want)
		}
	}
	for _, target := range []string{"", "http://", "ftp://h/", "unix:///x", "a b", "%zz"} {
		if c, err := NewClient(target, time.Second); err == nil {
			t.Errorf("%q is taken for %s", target, c.base)
		}
	}
}

// One's own goroutines, by the real endpoint.
func TestClientReadsTheRealThing(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	s := httptest.NewServer(mux)
	defer s.Close()
	c, err := NewClient(s.URL, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := c.Profile(context.Background())
	if err != nil || p.Total < 3 || len(p.Places) < 3 || len(p.Places[0].Stack) == 0 {
		t.Errorf("profile %+v, %v", p, err)
	}
	d, took, err := c.Dump(context.Background())
	if err != nil || took <= 0 || len(d.Goroutines) < 3 {
		t.Fatalf("dump %+v, %v", d, err)
	}
	found := false
	for _, g := range d.Goroutines {
		if g.ID == 0 || g.Reason == "" || len(g.Frames) == 0 || g.Frames[0].Line == 0 {
			t.Errorf("goroutine %+v", g)
		}
		found = found || g.own().Func == "testing.(*T).Run"
	}
	if !found {
		t.Error("the goroutine that runs this test's parent is not in it")
	}
}

func TestClientSaysWhatIsWrong(t *testing.T) {
	hang := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/denied/", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "who are you?", http.StatusForbidden) })
	mux.HandleFunc("/hangs/", func(w http.ResponseWriter, r *http.Request) { <-hang })
	mux.HandleFunc("/page/", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("<html>")) })
	s := httptest.NewServer(mux)
	defer s.Close()
	defer close(hang)
	for path, want := range map[string]string{
		"/none":   "there is no pprof endpoint at " + s.URL + "/none/debug/pprof/goroutine (import net/http/pprof",
		"/denied": "answers 403 Forbidden: who are you?",
		"/hangs":  "no answer from ",
		"/page":   `is no goroutine profile: "<html>" is not the beginning`,
	} {
		c, err := NewClient(s.URL+path, 200*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err = c.Profile(context.Background()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
		if _, _, err := c.Dump(context.Background()); err == nil || (path == "/hangs") != errors.Is(err, ErrNoAnswer) {
			t.Errorf("%s: dump: %v", path, err)
		}
	}
	c, _ := NewClient("127.0.0.1:1", time.Second)
	if _, _, err := c.Profile(context.Background()); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("nobody listens: %v", err)
	}
	c, _ = NewClient("http://u:secret@127.0.0.1:1", time.Second)
	if _, _, err := c.Profile(context.Background()); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("the password is told: %v", err)
	}
}
