package subject

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lifesign-go/lifesign/testbed/internal/child"
)

const (
	startup  = 5 * time.Minute // may include weaving
	shutdown = 3 * time.Second
	probing  = 2 * time.Second
)

// Options say how a server is run.
type Options struct {
	Dir      string    // an empty directory for its store, its log and the findings
	Binary   string    // the server
	Lifesign string    // the command to run it with, "" to run it alone
	Command  []string  // or the whole command line before the server's, which names the file of findings itself
	Store    string    // for its store, if not below Dir
	Weave    *Module   // with Lifesign and without Binary: the subject that lifesign is to weave now
	Env      []string  // of the server beside its own, NAME=VALUE
	Stderr   io.Writer // lifesign's
}

// Server is a running NATS server.
type Server struct {
	URL      string // for clients
	Monitor  string // for probes
	PID      int    // of the server itself, not of lifesign
	Findings string // the file to which lifesign writes findings, one JSON object a line

	proc *child.Proc
}

// Start starts a server and returns when it can be connected to.
func Start(ctx context.Context, o Options) (*Server, error) {
	s := &Server{Findings: filepath.Join(o.Dir, "findings.jsonl")}
	portsDir := filepath.Join(o.Dir, "ports")
	if err := os.MkdirAll(portsDir, 0o755); err != nil {
		return nil, fmt.Errorf("make the server's directory: %w", err)
	}
	cmd := command(ctx, o, s.Findings, portsDir)
	p, err := child.Start(cmd)
	if err != nil {
		return nil, err
	}
	s.proc = p
	if err := s.waitForPorts(ctx, portsDir); err != nil {
		s.Stop()
		return nil, fmt.Errorf("start %s: %w", strings.Join(cmd.Args, " "), err)
	}
	return s, nil
}

func command(ctx context.Context, o Options, findings, portsDir string) *exec.Cmd {
	var args []string
	if o.Lifesign != "" {
		args = []string{o.Lifesign, "run", "-json", findings}
		if o.Binary == "" {
			args = append(args, "-scope", o.Weave.Scope, o.Weave.Package)
		} else {
			args = append(args, "--", o.Binary)
		}
	} else {
		args = []string{o.Binary}
	}
	if len(o.Command) > 0 {
		args = append(slices.Clone(o.Command), o.Binary)
	}
	store := o.Store
	if store == "" {
		store = filepath.Join(o.Dir, "store")
	}
	args = append(args, "-a", "127.0.0.1", "-p", "-1", "-m", "-1", "-js",
		"-sd", store, "-l", filepath.Join(o.Dir, "server.log"), "--ports_file_dir", portsDir)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), o.Env...)
	cmd.Stderr = o.Stderr
	if o.Weave != nil {
		cmd.Dir = o.Weave.dir
		cmd.Env = append(cmd.Env, "GOWORK=off")
	}
	return cmd
}

// waitForPorts reads the file in which the server tells its addresses, and its
// process id in the file's name.
func (s *Server) waitForPorts(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, startup)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		names, err := filepath.Glob(filepath.Join(dir, "*.ports"))
		if err != nil {
			return err
		}
		if len(names) == 1 {
			data, err := os.ReadFile(names[0])
			if err != nil {
				return fmt.Errorf("read the server's ports: %w", err)
			}
			// The server writes the file in place: what cannot be read yet is not whole yet.
			if err := s.readPorts(names[0], data); err == nil {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-s.proc.Done():
			return fmt.Errorf("ended before it was ready: %v", s.proc.Err())
		case <-ctx.Done():
			return errors.New("not ready in time")
		}
	}
}

func (s *Server) readPorts(name string, data []byte) error {
	var ports struct {
		Nats       []string `json:"nats"`
		Monitoring []string `json:"monitoring"`
	}
	if err := json.Unmarshal(data, &ports); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if len(ports.Nats) == 0 || len(ports.Monitoring) == 0 {
		return fmt.Errorf("%s names no address", name)
	}
	stem := strings.TrimSuffix(filepath.Base(name), ".ports")
	pid, err := strconv.Atoi(stem[strings.LastIndexByte(stem, '_')+1:])
	if err != nil {
		return fmt.Errorf("%s names no process: %w", name, err)
	}
	s.URL, s.Monitor, s.PID = ports.Nats[0], ports.Monitoring[0], pid
	return nil
}

// Done is closed when the server, or lifesign with it, has ended.
func (s *Server) Done() <-chan struct{} { return s.proc.Done() }

// Agent returns the id of the process that was started: lifesign's, if the
// server runs under it.
func (s *Server) Agent() int { return s.proc.PID() }

// Healthz asks the server's own health probe and returns the status code.
func (s *Server) Healthz(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, probing)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Monitor+"/healthz", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("ask for the server's health: %w", err)
	}
	return resp.StatusCode, resp.Body.Close()
}

// Stop ends the server, at the latest by killing it: a server whose stream
// stands cannot shut down.
func (s *Server) Stop() {
	s.proc.Stop(shutdown)
	if s.PID != 0 {
		// lifesign may have given the server a group of its own.
		_ = child.Kill(s.PID)
	}
}
