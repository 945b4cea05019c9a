package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/lifesign-go/lifesign/testbed/internal/child"
)

// disk is a hungfs: a file system whose fsync can be kept from answering.
type disk struct {
	mount    string
	commands io.WriteCloser
	answers  chan string
	proc     *child.Proc
}

// mountDisk mounts one below dir.
func mountDisk(ctx context.Context, program, dir string) (*disk, error) {
	d := &disk{mount: filepath.Join(dir, "disk"), answers: make(chan string)}
	store := filepath.Join(dir, "store")
	for _, name := range []string{d.mount, store} {
		if err := os.Mkdir(name, 0o755); err != nil {
			return nil, fmt.Errorf("make a disk: %w", err)
		}
	}
	cmd := exec.CommandContext(ctx, program, "-mount", d.mount, "-store", store)
	cmd.Stderr = os.Stderr
	var err error
	if d.commands, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if d.proc, err = child.Start(cmd); err != nil {
		return nil, err
	}
	go func() {
		defer close(d.answers)
		for s := bufio.NewScanner(out); s.Scan(); {
			d.answers <- s.Text()
		}
	}()
	if _, err := d.answer(ctx, "ready"); err != nil {
		d.stop()
		return nil, err
	}
	return d, nil
}

// hold keeps fsync from answering, and returns when the first has come that
// does not get an answer.
func (d *disk) hold(ctx context.Context) (at int64, err error) { return d.tell(ctx, "hold", "held") }

// release lets all fsyncs go on.
func (d *disk) release(ctx context.Context) (at int64, err error) {
	return d.tell(ctx, "release", "released")
}

func (d *disk) tell(ctx context.Context, command, word string) (at int64, err error) {
	if _, err := io.WriteString(d.commands, command+"\n"); err != nil {
		return 0, fmt.Errorf("tell the disk to %s: %w", command, err)
	}
	return d.answer(ctx, word)
}

// answer waits for the line that begins with word and returns its time.
func (d *disk) answer(ctx context.Context, word string) (at int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case line, ok := <-d.answers:
		if at, found := strings.CutPrefix(line, word+" "); found {
			return strconv.ParseInt(at, 10, 64)
		}
		if !ok {
			line = "nothing, and ends"
		}
		return 0, fmt.Errorf("the disk says %s, want %s", line, word)
	case <-ctx.Done():
		return 0, fmt.Errorf("the disk does not say %s: %w", word, context.Cause(ctx))
	}
}

// stop answers what waits and unmounts the disk. Whoever still works on it gets
// errors from then on.
func (d *disk) stop() {
	d.commands.Close()
	go func() {
		for range d.answers { // it may want to say something yet
		}
	}()
	select {
	case <-d.proc.Done():
	case <-time.After(slack):
	}
	d.proc.Stop(0)
}
