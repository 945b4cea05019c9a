package lifesign

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/hook"
	"github.com/lifesign-go/lifesign/internal/clock"
	"github.com/lifesign-go/lifesign/internal/page"
)

// judgedAs leaves a verdict in the page, as a judge would.
func judgedAs(t *testing.T, code uint64, text string, age time.Duration) {
	hook.Vitals().SetVerdict(page.Verdict{At: clock.Monotonic() - int64(age), Code: code, Count: 3, Text: text})
	t.Cleanup(func() { hook.Vitals().SetVerdict(page.Verdict{}) })
}

func ask(h http.Handler, method string) (status int, body string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, "/livez", nil))
	return w.Code, w.Body.String()
}

func TestProbes(t *testing.T) {
	const cycle = "goroutine 7 waits for main.mu"
	for _, test := range []struct {
		name        string
		code        uint64
		age         time.Duration
		livez       int
		readyz      int
		want        string
		otherwise   int // Livez with OnInferred
		whenUnknown int // Livez with OnUnknown(10 s)
	}{
		{"nobody judges", page.VerdictNone, -1, 200, 200, "nobody judges this program", 200, 503},
		{"no verdict yet", page.VerdictNone, 0, 200, 200, "has not come to a verdict yet", 200, 200},
		{"working", page.VerdictWorking, 0, 200, 200, "nothing is known to be stuck", 200, 200},
		{"an old pass is no pass", page.VerdictWorking, 13 * time.Hour, 200, 200, "has not judged this program for 13h0m0s", 200, 503},
		{"a pass of some seconds ago", page.VerdictWorking, 5 * time.Second, 200, 200, "has not judged this program for 5s", 200, 200},
		{"inferred", page.VerdictInferred, 0, 200, 503, cycle, 503, 200},
		{"proven", page.VerdictProven, 0, 503, 503, cycle, 503, 503},
		{"proven long ago", page.VerdictProven, time.Minute, 200, 200, "has not judged this program for 1m0s", 200, 503},
	} {
		t.Run(test.name, func(t *testing.T) {
			hook.Vitals().SetVerdict(page.Verdict{})
			if test.age >= 0 {
				judgedAs(t, test.code, cycle, test.age)
			}
			for _, p := range []struct {
				name string
				h    http.Handler
				want int
			}{
				{"livez", Livez(), test.livez}, {"readyz", Readyz(), test.readyz},
				{"livez, inferred", Livez(OnInferred()), test.otherwise},
				{"livez, unknown", Livez(OnUnknown(10 * time.Second)), test.whenUnknown},
			} {
				status, body := ask(p.h, "GET")
				if status != p.want || !strings.Contains(body, test.want) {
					t.Errorf("%s: status %d, want %d, and %q in\n%s", p.name, status, p.want, test.want, body)
				}
			}
		})
	}
}

func TestProbeNamesFindingsAndComplaints(t *testing.T) {
	judgedAs(t, page.VerdictProven, "a circle", time.Millisecond)
	standing.Store([]event.Finding{{Verdict: event.Stuck, Class: event.Proven, What: "a circle", Place: event.Step{Site: event.Site{File: "m.go", Line: 7, Func: "f"}}}})
	defer standing.Store([]event.Finding(nil))
	Assert("probe", false, "%q", "<quoted>")
	defer Assert("probe", true, "")
	_, body := ask(Readyz(), "GET")
	var got answer
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if got.OK || got.Verdict != event.Stuck || got.Class != event.Proven || got.By != Watcher || got.Age == "" {
		t.Errorf("answer %+v", got)
	}
	if len(got.Findings) != 1 || got.Findings[0].Where != "m.go:7 in f" {
		t.Errorf("findings %+v", got.Findings)
	}
	if len(got.Complaints) != 1 || !strings.Contains(got.Complaints[0].Where, "health_test.go:") {
		t.Errorf("complaints %+v", got.Complaints)
	}
	if status, body := ask(Readyz(), "HEAD"); status != 503 || body != "" {
		t.Errorf("HEAD: status %d, body %q", status, body)
	}
}

// Complaints are no reason to restart, and no judge is needed for them.
func TestComplaintsTakeReadinessOnly(t *testing.T) {
	Assert("readiness", false, "no")
	defer Assert("readiness", true, "")
	if status, _ := ask(Livez(), "GET"); status != 200 {
		t.Errorf("livez: %d", status)
	}
	if status, body := ask(Readyz(), "GET"); status != 503 || !strings.Contains(body, `"why": "the assertion readiness does not hold: no"`) {
		t.Errorf("readyz: %d %s", status, body)
	}
}

func TestVarIsJSON(t *testing.T) {
	judgedAs(t, page.VerdictWorking, "", 0)
	var got map[string]interface{}
	if err := json.Unmarshal([]byte(Var{}.String()), &got); err != nil {
		t.Fatal(err)
	}
	if got["verdict"] != "working" || got["findings"] != 3.0 || got["by"] != "watcher" {
		t.Errorf("%v", got)
	}
}
