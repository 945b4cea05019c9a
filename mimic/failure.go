package mimic

import (
	"context"
	"errors"
	"io"
	"os"
	"reflect"
	"strings"
	"syscall"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/hook"
)

// relay makes mimics of what the program's operations have returned as errors. It
// calls methods of errors and may therefore block.
func relay(list []hook.Failure, region func(Site) Site) (all []told) {
	for _, f := range list {
		if harmless(f.Err) {
			continue
		}
		m := nobody(event.SeeFailure)
		m.Err = textOf(f.Err)
		m.Numbers = map[string]int64{"count": int64(f.Count)}
		if n := errnoOf(f.Err); n != 0 {
			m.Numbers["errno"] = int64(n)
		}
		all = append(all, told{region(f.Site), f.Site, m})
	}
	return all
}

// relaying returns the function for calls that relays list.
func relaying(list []hook.Failure, region func(Site) Site) func(context.Context) answer {
	return func(context.Context) answer { return answer{told: relay(list, region)} }
}

// asked reports whether methods of err may be called beside the program: it is of
// the standard library, or a copy of a value with nothing behind it. Others may
// be written to by the program meanwhile, as collections of errors are.
func asked(err error) bool {
	t := reflect.TypeOf(err)
	if t == nil {
		return false
	}
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return true
	case reflect.Ptr:
		t = t.Elem()
	}
	pkg := t.PkgPath()
	if i := strings.IndexByte(pkg, '/'); i >= 0 {
		pkg = pkg[:i]
	}
	return pkg != "" && pkg != "main" && strings.IndexByte(pkg, '.') < 0 && standard[pkg]
}

// standard has the first elements of the standard library's packages that have
// types of errors. A module's path may be of one word, too.
var standard = map[string]bool{
	"archive": true, "bufio": true, "compress": true, "context": true, "crypto": true, "database": true, "debug": true,
	"encoding": true, "errors": true, "fmt": true, "image": true, "internal": true, "io": true, "mime": true, "net": true,
	"os": true, "runtime": true, "strconv": true, "syscall": true, "text": true, "time": true,
}

// inside returns the error that err wraps, nil if there is none, or several, or
// err may not be asked.
func inside(err error) error {
	if !asked(err) {
		return nil
	}
	return errors.Unwrap(err)
}

// maxChain bounds how far errors that wrap others are followed.
const maxChain = 16

// whole reports whether all of the errors in the chain may be asked, as far as it
// is a chain.
func whole(err error) bool {
	for i := 0; err != nil; i++ {
		if i == maxChain || !asked(err) {
			return false
		}
		if _, several := err.(interface{ Unwrap() []error }); several {
			return precomputed(err)
		}
		err = inside(err)
	}
	return true
}

// precomputed reports whether an error has its text ready: what fmt.Errorf returns.
func precomputed(err error) bool {
	t := reflect.TypeOf(err)
	return t.Kind() == reflect.Ptr && t.Elem().PkgPath() == "fmt"
}

// textOf returns the text of an error, or what is known of it if it may not be
// asked.
func textOf(err error) string {
	if err == nil {
		return "nil"
	}
	if precomputed(err) || whole(err) {
		return err.Error()
	}
	text := "an error of type " + reflect.TypeOf(err).String()
	for i := 0; i < maxChain; i++ {
		if err = inside(err); err == nil {
			break
		}
		text += ", of type " + reflect.TypeOf(err).String()
	}
	return text
}

// each calls f with err and what it wraps, as far as that may be asked, until f
// returns true.
func each(err error, f func(error) bool) bool {
	for i := 0; err != nil && i < maxChain; i++ {
		if f(err) {
			return true
		}
		err = inside(err)
	}
	return false
}

func errnoOf(err error) (n syscall.Errno) {
	each(err, func(err error) bool {
		found := false
		n, found = err.(syscall.Errno)
		return found
	})
	return n
}

// harmless reports whether an error is an end that the program expects, or has
// brought about.
func harmless(err error) bool {
	return err == nil || each(err, func(err error) bool {
		switch err {
		case io.EOF, context.Canceled, context.DeadlineExceeded, os.ErrDeadlineExceeded, os.ErrClosed, io.ErrClosedPipe,
			syscall.EINTR, syscall.EAGAIN, syscall.EINPROGRESS:
			return true
		}
		if !asked(err) {
			return false
		}
		if is, ok := err.(interface{ Is(error) bool }); ok && (is.Is(context.DeadlineExceeded) || is.Is(context.Canceled)) {
			return true
		}
		switch reflect.TypeOf(err).String() {
		case "poll.errNetClosing", "*poll.DeadlineExceededError": // net.ErrClosed, a time-out of a connection
			return true
		case "*errors.errorString": // those of packages that this one must not import
			switch err.Error() {
			case "http: Server closed", "sql: no rows in result set":
				return true
			}
		}
		return false
	})
}
