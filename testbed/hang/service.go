package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// begin starts all services whose name contains only.
func begin(ctx context.Context, s *stage, subjects, only string) ([]service, error) {
	// PostgreSQL runs as somebody else, below this directory.
	if err := os.Chmod(s.dir, 0o755); err != nil {
		return nil, err
	}
	var all []service
	for _, v := range []struct {
		name  string
		start func(ctx context.Context, s *stage) (service, error)
	}{
		{"etcd, nearly idle", func(ctx context.Context, s *stage) (service, error) { return etcd(ctx, s, subjects, "1") }},
		{"etcd, loaded", func(ctx context.Context, s *stage) (service, error) { return etcd(ctx, s, subjects, "0") }},
		{"PostgreSQL, pgbench", postgres},
		{"nginx", nginx},
		{"redis", redis},
		{"go build", compiler},
	} {
		if !strings.Contains(v.name, only) {
			continue
		}
		started, err := v.start(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("start %s: %w", v.name, err)
		}
		started.name = v.name
		all = append(all, started)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no service is named %q", only)
	}
	return all, nil
}

// folder makes a directory of a service's own.
func folder(s *stage, name string) (string, error) {
	dir := filepath.Join(s.dir, name)
	return dir, os.Mkdir(dir, 0o755)
}

// etcd is the subject of the other harness: a server with clients of its own that
// do so many puts a second, or as many as they can.
func etcd(ctx context.Context, s *stage, subjects, rate string) (service, error) {
	program := filepath.Join(s.dir, "etcd")
	if _, err := os.Stat(program); err != nil {
		cmd := exec.CommandContext(ctx, "go", "build", "-o", program, ".")
		cmd.Dir, cmd.Env = filepath.Join(subjects, "etcd"), append(os.Environ(), "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			return service{}, fmt.Errorf("go build: %w: %s", err, out)
		}
	}
	dir, err := folder(s, "etcd-"+rate)
	if err != nil {
		return service{}, err
	}
	p, err := s.start(exec.Command(program, "-dir", dir, "-after", "0", "-for", "2h", "-rate", rate))
	if err != nil {
		return service{}, err
	}
	return service{pids: []int{p.pid}}, nil
}

// postgres starts a server, as nobody, with eight clients of pgbench.
func postgres(ctx context.Context, s *stage) (service, error) {
	dir, err := folder(s, "postgres")
	if err != nil {
		return service{}, err
	}
	const nobody = 65534
	if err := os.Chown(dir, nobody, nobody); err != nil {
		return service{}, err
	}
	command := func(name string, args ...string) *exec.Cmd {
		if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name); len(found) > 0 {
			name = found[len(found)-1] // Debian has it in no PATH
		}
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		return cmd
	}
	data := filepath.Join(dir, "data")
	if out, err := command("initdb", "-D", data, "-A", "trust", "-U", "bench").CombinedOutput(); err != nil {
		return service{}, fmt.Errorf("initdb: %w: %s", err, out)
	}
	p, err := s.start(command("postgres", "-D", data, "-k", dir, "-c", "listen_addresses="))
	if err != nil {
		return service{}, err
	}
	client := []string{"-h", dir, "-U", "bench", "postgres"}
	err = eventually(func() error {
		out, err := command("pgbench", append([]string{"-i", "-q"}, client...)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("pgbench -i: %w: %s", err, out)
		}
		return nil
	})
	if err != nil {
		return service{}, err
	}
	if _, err := s.start(command("pgbench", append([]string{"-c", "8", "-T", "7200", "-R", "200"}, client...)...)); err != nil {
		return service{}, err
	}
	time.Sleep(2 * time.Second) // its eight connections are made
	return service{pids: append([]int{p.pid}, children(p.pid)...)}, nil
}

// children returns the processes that a process has started.
func children(pid int) []int {
	var all []int
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, field := range strings.Fields(string(data)) {
		if n, err := strconv.Atoi(field); err == nil {
			all = append(all, n)
		}
	}
	return all
}

const nginxConf = `
daemon off;
worker_processes 2;
pid DIR/pid;
error_log DIR/error.log;
events { worker_connections 64; }
http {
	access_log DIR/access.log;
	client_body_temp_path DIR/body;
	proxy_temp_path DIR/proxy;
	fastcgi_temp_path DIR/fastcgi;
	uwsgi_temp_path DIR/uwsgi;
	scgi_temp_path DIR/scgi;
	server { listen unix:DIR/socket; root DIR; }
}
`

// nginx starts a server with two workers and asks it for a file, again and again.
func nginx(_ context.Context, s *stage) (service, error) {
	dir, err := folder(s, "nginx")
	if err != nil {
		return service{}, err
	}
	conf := filepath.Join(dir, "conf")
	if err := os.WriteFile(conf, []byte(strings.ReplaceAll(nginxConf, "DIR", dir)), 0o644); err != nil {
		return service{}, err
	}
	if err := os.WriteFile(filepath.Join(dir, "page"), []byte("here I am\n"), 0o644); err != nil {
		return service{}, err
	}
	p, err := s.start(exec.Command("nginx", "-p", dir, "-c", conf))
	if err != nil {
		return service{}, err
	}
	socket := filepath.Join(dir, "socket")
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	get := func() error {
		r, err := client.Get("http://nginx/page")
		if err != nil {
			return err
		}
		defer r.Body.Close()
		if r.StatusCode != http.StatusOK {
			return errors.New(r.Status)
		}
		_, err = io.Copy(io.Discard, r.Body)
		return err
	}
	if err := eventually(get); err != nil {
		return service{}, err
	}
	return service{pids: append([]int{p.pid}, children(p.pid)...), load: every(time.Millisecond, get)}, nil
}

// redis starts a server that keeps what it is told in a file, and tells it.
func redis(_ context.Context, s *stage) (service, error) {
	dir, err := folder(s, "redis")
	if err != nil {
		return service{}, err
	}
	socket := filepath.Join(dir, "socket")
	p, err := s.start(exec.Command("redis-server", "--port", "0", "--unixsocket", socket, "--dir", dir, "--appendonly", "yes"))
	if err != nil {
		return service{}, err
	}
	var conn net.Conn
	err = eventually(func() (err error) {
		conn, err = net.Dial("unix", socket)
		return err
	})
	if err != nil {
		return service{}, err
	}
	answers, n := bufio.NewReader(conn), 0
	put := func() error {
		n++
		if _, err := fmt.Fprintf(conn, "SET key%d value%d\r\n", n%1000, n); err != nil {
			return err
		}
		answer, err := answers.ReadString('\n')
		if err == nil && answer != "+OK\r\n" {
			err = fmt.Errorf("it answers %q", answer)
		}
		return err
	}
	return service{pids: []int{p.pid}, load: every(time.Millisecond, put)}, nil
}

// compiler builds a package of the standard library, again and again, with a
// build cache of its own. Whatever is compiled on the machine meanwhile is watched.
func compiler(_ context.Context, s *stage) (service, error) {
	dir, err := folder(s, "compiler")
	if err != nil {
		return service{}, err
	}
	build := func() error {
		cache := filepath.Join(dir, "cache")
		cmd := exec.Command("go", "build", "net/http")
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOCACHE="+cache, "GOWORK=off")
		p, err := s.start(cmd)
		if err != nil {
			return err
		}
		<-p.ended
		if p.err != nil {
			return fmt.Errorf("go build: %w", p.err)
		}
		return os.RemoveAll(cache)
	}
	return service{like: "^(go|compile|asm)$", load: every(time.Second, build)}, nil
}

// every makes a load of f, with a pause after each.
func every(pause time.Duration, f func() error) func(context.Context) error {
	return func(ctx context.Context) error {
		for sleep(ctx, pause) == nil {
			if err := f(); err != nil {
				return err
			}
		}
		return nil
	}
}

// eventually does f until it succeeds.
func eventually(f func() error) error {
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if err = f(); err == nil {
			return nil
		}
	}
	return err
}
