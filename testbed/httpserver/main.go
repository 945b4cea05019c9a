// Command httpserver is a net/http server whose handlers share a table under a
// lock, and clients in the same process that keep their connections.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
)

const clients = 8

func main() {
	begin()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail("listen", err)
	}
	t := &table{counts: map[string]int{}}
	go http.Serve(l, t)
	url := "http://" + l.Addr().String()
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = clients
	for c := range clients {
		go work(clients, func(int) error { return get(fmt.Sprintf("%s/%d", url, c)) })
	}
	select {}
}

// table counts requests by path.
type table struct {
	mu     sync.Mutex // guards counts
	counts map[string]int
}

func (t *table) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintln(w, t.count(r.URL.Path))
}

func (t *table) count(path string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[path]++
	return t.counts[path]
}

func get(url string) error {
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}
