// Command crashes is a server that crashes in seventeen ways, as its clients wish:
// what becomes of each, with guards and without, measures testbed/crashes.
//
//	crashes -listen 127.0.0.1:7070 -guard
//	curl 127.0.0.1:7070/work            # "ok", and the process's number
//	curl 127.0.0.1:7070/crash?way=nil   # status 500 if the crash was contained
//
// /ready fails once the program is to be given no more work. The ways are in
// ways.go and faults.c. Two of the seventeen, SIGKILL and SIGSEGV from
// outside, need nothing of the program's.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sort"
	"strconv"
	"strings"

	"github.com/lifesign-go/lifesign/guard"
)

func main() {
	addr := flag.String("listen", "127.0.0.1:7070", "`address` to listen on, unless a supervisor hands over a socket")
	guarded := flag.Bool("guard", false, "contain crashes")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := serve(*addr, *guarded); err != nil {
		fmt.Fprintln(os.Stderr, "crashes:", err)
		os.Exit(1)
	}
}

func serve(addr string, guarded bool) error {
	debug.SetMaxStack(64 << 20) // the usual gigabyte takes long to fill
	l, err := listen(addr)
	if err != nil {
		return err
	}
	return http.Serve(l, server(guarded))
}

// listen takes the socket that a supervisor hands over (sd_listen_fds(3)), or
// makes one.
func listen(addr string) (net.Listener, error) {
	if os.Getenv("LISTEN_PID") == strconv.Itoa(os.Getpid()) && os.Getenv("LISTEN_FDS") != "" {
		return net.FileListener(os.NewFile(3, "listener"))
	}
	return net.Listen("tcp", addr)
}

// server answers requests. Its work is done by goroutines of its own, as in servers
// that are not net/http's, which recovers from panics of its handlers by itself.
func server(guarded bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/work", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "ok", os.Getpid())
	})
	mux.HandleFunc("/ready", func(w http.ResponseWriter, r *http.Request) {
		if why, draining := guard.Draining(); draining {
			http.Error(w, why, http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/crash", func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Query().Get("way")
		way := ways[name]
		if way == nil {
			http.Error(w, fmt.Sprintf("the ways are %s", names()), http.StatusNotFound)
			return
		}
		if err := work(r.Context(), guarded, way); err != nil {
			log.Printf("%s: %v", name, err)
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	return mux
}

// work has f done by a goroutine of its own.
func work(ctx context.Context, guarded bool, f func(guarded bool) error) error {
	done := make(chan error, 1)
	if guarded {
		guard.Go(ctx, func(context.Context) error { return f(true) }, func(err error) { done <- err })
	} else {
		go func() { done <- f(false) }()
	}
	return <-done
}

func names() string {
	var all []string
	for name := range ways {
		all = append(all, name)
	}
	sort.Strings(all)
	return strings.Join(all, ", ")
}
