package lifesign_test

import (
	"context"
	"errors"
	"expvar"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/lifesign-go/lifesign"
	"github.com/lifesign-go/lifesign/event"
)

func ExampleNewWorker() {
	jobs := make(chan func(), 2)
	jobs <- func() { fmt.Println("one") }
	jobs <- func() { fmt.Println("two") }
	close(jobs)

	w := lifesign.NewWorker("jobs", lifesign.AllOf("queue"))
	defer w.Close()
	for job := range jobs {
		work := w.Busy(2 * time.Second)
		job()
		work.Done()
		if w.Reported() {
			return // somebody else has this queue now
		}
	}
	// Output:
	// one
	// two
}

func ExampleWorker_Context() {
	w := lifesign.NewWorker("replication")
	defer w.Close()
	// The request ends when the worker is reported to be stuck.
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	_, err := http.NewRequestWithContext(ctx, "GET", "http://peer/log", nil)
	fmt.Println(err)
	// Output: <nil>
}

func ExampleCall() {
	hung := make(chan struct{}) // a disk that does not answer
	defer close(hung)
	err := lifesign.Call(context.Background(), 20*time.Millisecond, func(context.Context) error {
		<-hung
		return nil
	})
	fmt.Println(errors.Is(err, lifesign.ErrStuck))
	// Output: true
}

func ExampleCaller_Call() {
	disk := lifesign.NewCaller("disk", time.Second)
	err := disk.Call(context.Background(), func(context.Context) error {
		_, err := os.Stat("/")
		return err
	})
	fmt.Println(err, disk.Stuck())
	// Output: <nil> false
}

func ExampleAssert() {
	debit, credit := 100, 100
	lifesign.Assert("books balance", debit == credit, "debit %d, credit %d", debit, credit)
	// Output:
}

func ExampleInvariant() {
	stop := lifesign.Invariant("room on disk", time.Minute, func() error {
		_, err := os.Stat(os.TempDir())
		return err
	})
	defer stop()
	// Output:
}

func ExampleLivez() {
	mux := http.NewServeMux()
	mux.Handle("/livez", lifesign.Livez())
	mux.Handle("/readyz", lifesign.Readyz(lifesign.OnUnknown(time.Minute)))
	server := &http.Server{Handler: mux}
	server.Close()
	// Output:
}

func ExampleNotify() {
	if err := lifesign.Notify(context.Background()); err != nil {
		log.Print(err) // the service goes on, but systemd does not hear of it
	}
	// Output:
}

func ExampleVar() {
	expvar.Publish("lifesign", lifesign.Var{})
	fmt.Println(expvar.Get("lifesign") != nil)
	// Output: true
}

func ExampleCurrent() {
	if s := lifesign.Current(); s.Verdict == event.Stuck && s.Class == event.Proven {
		fmt.Println("give up the lease:", s.What)
	}
	// Output:
}

func ExampleWatch() {
	stop, err := lifesign.Watch(lifesign.Options{End: lifesign.EndProven})
	if err != nil {
		log.Fatal(err)
	}
	defer stop()
	// Output:
}
