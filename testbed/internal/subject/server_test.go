package subject

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadPorts(t *testing.T) {
	const whole = `{"nats":["nats://127.0.0.1:1"],"monitoring":["http://127.0.0.1:2"]}`
	tests := []struct {
		name, file, data string
		pid              int
		fails            bool
	}{
		{"as written", "d/nats-server_15400.ports", whole, 15400, false},
		{"underscores in the program's name", "d/woven_nats_7.ports", whole, 7, false},
		{"half written", "d/nats_7.ports", whole[:20], 0, true},
		{"not written yet", "d/nats_7.ports", "", 0, true},
		{"no monitor", "d/nats_7.ports", `{"nats":["nats://127.0.0.1:1"]}`, 0, true},
		{"no process", "d/nats.ports", whole, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s Server
			err := s.readPorts(tt.file, []byte(tt.data))
			if (err != nil) != tt.fails || s.PID != tt.pid {
				t.Errorf("readPorts = %v, process %d, want an error: %v, process %d", err, s.PID, tt.fails, tt.pid)
			}
		})
	}
}

func TestCommand(t *testing.T) {
	tests := []struct {
		name string
		o    Options
		want string
	}{
		{"alone", Options{Dir: "d", Binary: "nats"}, "nats -a 127.0.0.1"},
		{"woven before", Options{Dir: "d", Binary: "nats", Lifesign: "lifesign"}, "lifesign run -json f -- nats -a 127.0.0.1"},
		{"woven now", Options{Dir: "d", Weave: &Module{Package: "p", Scope: "s/..."}, Lifesign: "lifesign"}, "lifesign run -json f -scope s/... p -a 127.0.0.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := strings.Join(command(t.Context(), tt.o, "f", "p").Args, " ")
			if !strings.HasPrefix(got, tt.want) {
				t.Errorf("command line %q, want it to begin with %q", got, tt.want)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	tests := []struct {
		name, data, want string
	}{
		{"nothing", "{}", "package and scope are needed"},
		{"a slip", `{"package": ".", "scope": "a", "scoop": "b"}`, "unknown field"},
		{"a place without a reason", `{"package": ".", "scope": "a", "cases": [{"name": "c", "ought": {"places": [{"at": ["a.go:1"], "func": ["f"]}]}}]}`, "why"},
		{"right", `{"package": ".", "scope": "a"}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "subject.json"), []byte(tt.data), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Read(dir)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("Read = %v, want an error with %q", err, tt.want)
			}
		})
	}
}
