// Command prom13861 runs Prometheus's notifier: alerts go to an Alertmanager on
// loopback while discovery keeps telling where that is. Then comes an alert that
// the relabelling drops, on which Prometheus v0.51.1 leaves the Alertmanagers'
// read lock held (prometheus/prometheus PR #13861): the next news of discovery
// waits for it, and everything waits for the news.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/notifier"
	"gopkg.in/yaml.v2"
)

const relabelling = `
alerting:
  alertmanagers:
  - static_configs: [{targets: [%q]}]
    alert_relabel_configs:
    - {source_labels: [alertname], action: drop, regex: drop.*}
`

func main() {
	begin()
	var received atomic.Int64
	address := alertmanager(&received)
	n := newManager(address)
	news := make(chan map[string][]*targetgroup.Group)
	go n.Run(news)
	groups := map[string][]*targetgroup.Group{"config-0": {{Targets: []model.LabelSet{{"__address__": model.LabelValue(address)}}}}}
	news <- groups
	go discover(news, groups)
	go work(1, func(i int) error { return notify(n, i, &received) })
	faultDue()
	attempt(func() {
		// It must be alone in its batch, which may take more than one.
		for range 20 {
			n.Send(&notifier.Alert{Labels: labels.FromStrings("alertname", "dropped")})
			time.Sleep(10 * time.Millisecond)
			news <- groups
			news <- groups
		}
	})
	select {}
}

// alertmanager serves one that counts what it gets, and returns its address.
func alertmanager(received *atomic.Int64) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail("listen", err)
	}
	go http.Serve(l, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { received.Add(1) }))
	return l.Addr().String()
}

func newManager(address string) *notifier.Manager {
	do := func(ctx context.Context, c *http.Client, r *http.Request) (*http.Response, error) {
		return c.Do(r.WithContext(ctx))
	}
	n := notifier.NewManager(&notifier.Options{QueueCapacity: 100, Do: do}, log.NewNopLogger())
	c := &config.Config{}
	if err := yaml.UnmarshalStrict(fmt.Appendf(nil, relabelling, address), c); err != nil {
		fail("read the configuration", err)
	}
	if err := n.ApplyConfig(c); err != nil {
		fail("apply the configuration", err)
	}
	return n
}

// discover tells again and again what has not changed.
func discover(news chan<- map[string][]*targetgroup.Group, groups map[string][]*targetgroup.Group) {
	for {
		news <- groups
		time.Sleep(50 * time.Millisecond)
	}
}

// notify sends an alert and waits until a request has come of it.
func notify(n *notifier.Manager, i int, received *atomic.Int64) error {
	before := received.Load()
	n.Send(&notifier.Alert{Labels: labels.FromStrings("alertname", fmt.Sprint("alert", i))})
	for received.Load() == before {
		time.Sleep(100 * time.Microsecond)
	}
	return nil
}
