package errands

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

func TestLinesAreBounded(t *testing.T) {
	long := `{"Errand":{"ID":1,"Deed":"` + strings.Repeat("x", 300) + `"}}` + "\n"
	count := 0
	each := func(order) error { count++; return nil }
	if err := lines(strings.NewReader("{}\n"+long), 100, each); !errors.Is(err, errLong) || count != 1 {
		t.Errorf("a line that is too long: %v, after %d lines", err, count)
	}
	if err := lines(strings.NewReader("{}\nno JSON\n{}\n"), 100, each); err == nil || count != 2 {
		t.Errorf("a line that is no JSON: %v, after %d lines", err, count)
	}
	if _, err := encode(order{Errand: &task{Data: make([]byte, 200)}}, 100); !errors.Is(err, errLong) {
		t.Errorf("an order that is too long is encoded: %v", err)
	}
	if err := lines(strings.NewReader("{}\n{}\n"), 100, func(order) error { return errLong }); err != errLong {
		t.Errorf("an order that is not taken: %v", err)
	}
}

// The greatest errand and the most marks that there may be fit into a line; names that
// are no UTF-8 arrive as they are.
func TestOrdersArrive(t *testing.T) {
	set := map[mark]bool{}
	for i := uint64(0); i < maxMarks; i++ {
		set[mark{8<<20 | 1, i << 32}] = true
	}
	name := bytes.Repeat([]byte{0xff, '/'}, 2048)
	for _, o := range []order{
		{Marks: makeMarks(set, nil)},
		{Errand: &task{ID: 1, Deed: event.DoWrite, Path: name, Link: name, Address: name, Data: make([]byte, maxWrite), Offset: -1}},
		{Setup: &setup{PID: 1, As: identity{Groups: make([]int, 1000)}, Clean: []string{"/x"}}},
	} {
		b, err := encode(o, maxOrder)
		if err != nil {
			t.Fatal(err)
		}
		var got []order
		err = lines(bytes.NewReader(b), maxOrder, func(o order) error { got = append(got, o); return nil })
		if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], o) {
			t.Errorf("%d bytes arrive as something else: %v", len(b), err)
		}
	}
}

func FuzzOrders(f *testing.F) {
	f.Add([]byte(`{"Errand":{"ID":7,"Deed":"write","Where":"here","Path":"L3g=","Data":"AAA="}}` + "\n"))
	f.Add([]byte(`{"Marks":{"Inodes":"AQ=="}}` + "\n" + `{"Setup":{"PID":-1}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		_ = lines(bytes.NewReader(text), 1<<12, func(o order) error {
			o.Marks.has(mark{1, 2}, true)
			if b, err := encode(o, maxOrder); err == nil {
				return lines(bytes.NewReader(b), maxOrder, func(p order) error {
					if again, err := encode(p, maxOrder); err != nil || !bytes.Equal(again, b) {
						t.Errorf("%s becomes %s, %v", b, again, err)
					}
					return nil
				})
			}
			return nil
		})
	})
}

func FuzzReports(f *testing.F) {
	f.Add([]byte(`{"Begun":{"ID":7,"Thread":12}}` + "\n" + `{"Ended":{"ID":7,"End":"done"}}` + "\n"))
	f.Add([]byte(`{"Ready":{"Err":"no"}}` + "\n" + `{"At":{"ID":1,"Major":8,"Name":"L3g="}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		h := &Helper{config: Config{PID: 1}}
		h.loop = loop{h: h, running: map[uint64]*running{7: {}}, budgets: newBudgets(1)}
		h.loop.child = &child{}
		_ = lines(bytes.NewReader(text), maxReport, func(r report) error {
			if r.At == nil { // which asks the kernel for its mounts later
				h.loop.hear(h.loop.child, r)
			}
			return nil
		})
	})
}
