package grpc_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	lifesign "github.com/lifesign-go/lifesign/grpc"
	"github.com/lifesign-go/lifesign/guard"
)

// service is the service that gRPC itself has, which needs no generated code: the name
// that is asked for says what is to happen.
type service struct {
	health.UnimplementedHealthServer

	mu    sync.Mutex
	kept  []string
	tried []error        // what Commit has returned to crashed calls
	group sync.WaitGroup // of goroutines that outlive their calls
}

func (s *service) Check(ctx context.Context, r *health.HealthCheckRequest) (*health.HealthCheckResponse, error) {
	s.happen(ctx, r.Service)
	err := guard.Commit(ctx, func() error { s.keep(r.Service); return nil })
	return &health.HealthCheckResponse{Status: health.HealthCheckResponse_SERVING}, err
}

func (s *service) Watch(r *health.HealthCheckRequest, stream grpc.ServerStreamingServer[health.HealthCheckResponse]) error {
	for i := 0; i < 3; i++ {
		if i == 2 {
			s.happen(stream.Context(), r.Service)
		}
		if err := stream.Send(&health.HealthCheckResponse{Status: health.HealthCheckResponse_SERVING}); err != nil {
			return err
		}
	}
	return nil
}

func (s *service) happen(ctx context.Context, name string) {
	switch name {
	case "crash":
		s.group.Add(1)
		crashed := make(chan struct{})
		go func() {
			defer s.group.Done()
			<-crashed
			for !guard.Tainted(ctx) {
				time.Sleep(time.Millisecond)
			}
			err := guard.Commit(ctx, func() error { s.keep("what has crashed"); return nil })
			s.mu.Lock()
			defer s.mu.Unlock()
			s.tried = append(s.tried, err)
		}()
		defer close(crashed)
		var none *service
		none.kept = nil
	case "refuse":
		panic(status.Error(codes.NotFound, "a panic all the same"))
	}
}

func (s *service) keep(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = append(s.kept, name)
}

// serve returns a client of a server of s on the loopback interface.
func serve(t *testing.T, s *service) health.HealthClient {
	t.Helper()
	guard.Configure(guard.Config{Most: 1000, Same: 1000, Grace: -1, Report: func(*guard.Crash) {}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(lifesign.Guard()...)
	health.RegisterHealthServer(server, s)
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return health.NewHealthClient(conn)
}

func check(c health.HealthClient, name string) error {
	_, err := c.Check(context.Background(), &health.HealthCheckRequest{Service: name})
	return err
}

// watch returns how many answers there were before the end.
func watch(c health.HealthClient, name string) (n int, err error) {
	stream, err := c.Watch(context.Background(), &health.HealthCheckRequest{Service: name})
	if err != nil {
		return 0, err
	}
	for {
		if _, err := stream.Recv(); errors.Is(err, io.EOF) {
			return n, nil
		} else if err != nil {
			return n, err
		}
		n++
	}
}

func TestACrashEndsItsCall(t *testing.T) {
	s := new(service)
	c := serve(t, s)
	before, _ := guard.Counts()
	const clients, each = 8, 20
	var group sync.WaitGroup
	for i := 0; i < clients; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for k := 0; k < each; k++ {
				crash := k%5 == 4
				name, want, answers := "well", codes.OK, 3
				if crash {
					name, want, answers = "crash", codes.Internal, 2
				}
				err := check(c, name)
				if status.Code(err) != want || crash && strings.Contains(err.Error(), "nil pointer") {
					t.Errorf("call %d: %v, want %v", k, err, want)
				}
				if n, err := watch(c, name); status.Code(err) != want || n != answers {
					t.Errorf("stream %d: %d answers and %v, want %d and %v", k, n, err, answers, want)
				}
			}
		}()
	}
	group.Wait()
	s.group.Wait()
	const crashes = clients * each / 5 * 2
	if after, _ := guard.Counts(); after-before != crashes {
		t.Errorf("%d crashes were contained, want %d", after-before, crashes)
	}
	if len(s.kept) != clients*each*4/5 {
		t.Errorf("%d were kept, want %d", len(s.kept), clients*each*4/5)
	}
	if len(s.tried) != crashes {
		t.Errorf("%d goroutines of crashed calls have tried to keep something, want %d", len(s.tried), crashes)
	}
	for _, err := range s.tried {
		if err != guard.ErrTainted {
			t.Errorf("a crashed call could keep something: %v", err)
		}
	}
	if err := check(c, "refuse"); status.Code(err) != codes.Internal {
		t.Errorf("a panic with a status: %v", err)
	}
}

// TestZDraining comes last, as a program drains for good.
func TestZDraining(t *testing.T) {
	c := serve(t, new(service))
	open, err := c.Watch(context.Background(), &health.HealthCheckRequest{Service: "well"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open.Recv(); err != nil {
		t.Fatal(err)
	}
	guard.Drain("the test says so")
	if err := check(c, "well"); status.Code(err) != codes.Unavailable {
		t.Errorf("a call: %v", err)
	}
	if _, err := watch(c, "well"); status.Code(err) != codes.Unavailable {
		t.Errorf("a stream: %v", err)
	}
	for i := 1; i < 3; i++ {
		if _, err := open.Recv(); err != nil {
			t.Errorf("a stream that had begun: %v", err)
		}
	}
}
