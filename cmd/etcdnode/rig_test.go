package etcdnode_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/cmd/etcdnode"
	"github.com/lifesign-go/lifesign/etcd"
	"github.com/lifesign-go/lifesign/lease"
)

// Bounds that only what is broken reaches.
const patience = 2 * time.Minute

// Nodes, holders and whatever else must be stopped or killed are this test's own
// program, started again with a part to play.
const partVariable = "ETCDNODE_TEST_PART"

var parts = map[string]func(arg string){"node": playNode, "agent": playAgent, "writer": playWriter}

func TestMain(m *testing.M) {
	name, arg, ok := strings.Cut(os.Getenv(partVariable), " ")
	if !ok {
		os.Exit(m.Run())
	}
	go func() {
		io.Copy(io.Discard, os.Stdin) // ends with the test
		os.Exit(1)
	}()
	parts[name](arg)
}

// say tells the test a line.
func say(format string, args ...any) {
	fmt.Printf(format+"\n", args...)
}

func playNode(arg string) {
	var c etcdnode.Config
	if err := json.Unmarshal([]byte(arg), &c); err != nil {
		say("error %v", err)
		return
	}
	n, err := etcdnode.Start(context.Background(), c)
	if err != nil {
		say("error %v", err)
		return
	}
	say("ready")
	say("error %v", <-n.Err())
}

// process is a child with a part.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.Closer
	lines chan string
	once  sync.Once
}

// start starts a child. Its end is the test's at the latest.
func start(t *testing.T, part, arg string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), partVariable+"="+part+" "+arg)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: cmd, stdin: stdin, lines: make(chan string, 10000)}
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(p.kill)
	return p
}

// line waits for a line that begins with prefix and returns the rest.
func (p *process) line(prefix string) string {
	p.t.Helper()
	for late := time.After(patience); ; {
		select {
		case l, ok := <-p.lines:
			if !ok {
				p.t.Fatalf("a child has ended, want a line with %q", prefix)
			}
			if rest, ok := strings.CutPrefix(l, prefix); ok {
				return strings.TrimSpace(rest)
			}
			if strings.HasPrefix(l, "error") {
				p.t.Fatalf("a child says %q, want a line with %q", l, prefix)
			}
		case <-late:
			p.t.Fatalf("no line with %q came from a child", prefix)
		}
	}
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("send %v: %v", s, err)
	}
}

// stop stops the child, and returns when it has stopped.
func (p *process) stop() {
	p.t.Helper()
	p.signal(syscall.SIGSTOP)
	p.until("it has stopped", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
		return err == nil && strings.HasPrefix(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " T")
	})
}

func (p *process) until(what string, ok func() bool) {
	p.t.Helper()
	until(p.t, what, ok)
}

// kill ends the child and waits for its end.
func (p *process) kill() {
	p.once.Do(func() {
		p.cmd.Process.Kill()
		p.stdin.Close()
		p.cmd.Wait()
	})
}

// until waits until ok.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after %v it is still not so that %s", patience, what)
		}
	}
}

// rig is a cluster of nodes, each a process of its own behind a wire.
type rig struct {
	t       *testing.T
	configs []etcdnode.Config
	nodes   []*process // nil for those that are dead
	wires   []*wire
	scheme  string
}

// addresses gives every node of this process addresses that nobody else has: those
// of the loopback network are many.
var addresses struct {
	sync.Mutex
	n int
}

func address() string {
	addresses.Lock()
	defer addresses.Unlock()
	addresses.n++
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", 16+pid>>8&0x7f, pid&0xff, addresses.n)
}

// newRig starts n nodes that are alike but for their names and places.
func newRig(t *testing.T, n int, like etcdnode.Config) *rig {
	t.Helper()
	r := &rig{t: t, scheme: "http://", nodes: make([]*process, n)}
	if like.Certificate != "" {
		r.scheme = "https://"
	}
	var members map[string]string
	if n > 1 {
		members = map[string]string{}
	}
	for i := range n {
		c, at := like, address()
		c.Dir, c.Client = filepath.Join(t.TempDir(), "data"), at+":2379"
		if n > 1 {
			c.Name = fmt.Sprint("node", i)
			members[c.Name] = at + ":2380"
			c.Members = members
		}
		r.configs = append(r.configs, c)
		r.wires = append(r.wires, newWire(t, c.Client))
	}
	for i := range n {
		r.start(i)
	}
	for i := range n {
		r.nodes[i].line("ready")
	}
	return r
}

// start starts node i, and does not wait until it serves.
func (r *rig) start(i int) {
	r.t.Helper()
	arg, err := json.Marshal(r.configs[i])
	if err != nil {
		r.t.Fatal(err)
	}
	r.nodes[i] = start(r.t, "node", string(arg))
}

// kill kills node i.
func (r *rig) kill(i int) {
	r.nodes[i].kill()
	r.nodes[i] = nil
}

// endpoints are the nodes' through their wires.
func (r *rig) endpoints() []string {
	var es []string
	for _, w := range r.wires {
		es = append(es, r.scheme+w.at())
	}
	return es
}

// direct are the nodes' without wires.
func (r *rig) direct() []string {
	var es []string
	for _, c := range r.configs {
		es = append(es, r.scheme+c.Client)
	}
	return es
}

// dial makes a client.
func dial(t *testing.T, endpoints []string, edit ...func(*etcd.Config)) *etcd.Cluster {
	t.Helper()
	config := etcd.Config{Endpoints: endpoints}
	for _, f := range edit {
		f(&config)
	}
	c, err := etcd.Dial(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// bounded is a context that only what is broken outlives.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// holder is a lease and its term.
type holder struct {
	*etcd.Election
	l     *lease.Lease
	term  *lease.Term
	fence *etcd.Fence
	token lease.Token
	path  *path
}

// path is the states that a lease has had.
type path struct {
	sync.Mutex
	changes []lease.Change
}

func (p *path) add(c lease.Change) {
	p.Lock()
	defer p.Unlock()
	p.changes = append(p.changes, c)
}

// String is the path for people.
func (p *path) String() string {
	p.Lock()
	defer p.Unlock()
	var s []string
	for _, c := range p.changes {
		s = append(s, fmt.Sprintf("%v (%s)", c.State, c.Why))
	}
	return strings.Join(s, ", ")
}

func election(t *testing.T, c *etcd.Cluster, config etcd.ElectionConfig) *etcd.Election {
	t.Helper()
	if config.Name == "" {
		config.Name = "ledger"
	}
	e, err := c.Election(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// hold waits until e is held and opened. The lease ends with the test.
func hold(t *testing.T, e *etcd.Election) *holder {
	t.Helper()
	return holdLater(t, e)()
}

// open opens the lease, and waits until work is done on it.
func (h *holder) open(t *testing.T) {
	t.Helper()
	var err error
	if h.term, err = h.l.Open(bounded(t), h.fence); err != nil {
		t.Fatal(err)
	}
	until(t, "work is done", func() bool {
		return h.term.Do(bounded(t), func(_ context.Context, token lease.Token) error {
			h.token = token
			return nil
		}) == nil
	})
}

// holdLater begins to campaign, and returns what waits for the end of that.
func holdLater(t *testing.T, e *etcd.Election) (wait func() *holder) {
	type result struct {
		l   *lease.Lease
		err error
	}
	h := &holder{Election: e, fence: e.Fence("ledger"), path: &path{}}
	got := make(chan result, 1)
	go func() {
		l, err := e.Hold(t.Context(), lease.Config{Listen: h.path.add})
		got <- result{l, err}
	}()
	return func() *holder {
		t.Helper()
		select {
		case r := <-got:
			if r.err != nil {
				t.Fatal(r.err)
			}
			h.l = r.l
			h.open(t)
		case <-time.After(patience):
			t.Fatalf("after %v the campaign still goes on", patience)
		}
		return h
	}
}

// is waits until the lease has the state.
func (h *holder) is(t *testing.T, want lease.State) {
	t.Helper()
	until(t, fmt.Sprintf("the lease is %v; it was %v", want, h.path), func() bool { return h.l.State() == want })
}

// gone reports whether the lease is lost for good.
func (h *holder) gone() bool {
	select {
	case <-h.l.Gone():
		return true
	default:
		return false
	}
}
