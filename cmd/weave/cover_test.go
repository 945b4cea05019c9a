package weave

import (
	"testing"

	"github.com/lifesign-go/lifesign/cmd/gen"
)

// TestMarks puts marks into a file and exchanges them again, before and after
// counters were put in.
func TestMarks(t *testing.T) {
	const src = "package p\n\nfunc f(c chan int) {\n\tc <- 1\n\tg(<-c); h()\n}\n"
	edits := []gen.Edit{
		{Off: 9, Text: "; import lsrt"},
		{Off: 31, Text: " defer;"},
		{Off: 33, Text: "To("},
		{Off: 35, Del: 2, Text: ").Send("},
		{Off: 39, Text: ")"},
		{Off: 43, Del: 2, Text: "Recv("},
		{Off: 46, Text: ")"},
	}
	c := &covered{plain: "p.go", src: []byte(src), edits: behindTokens([]byte(src), edits)}
	const marked = "package p/*line :1:10*/\n\nfunc f(c chan int) {/*line :3:21*/\n\tc/*line :4:3*/ <-/*line :4:6*/ 1/*line :4:8*/\n\tg(<-/*line :5:6*/c)/*line :5:8*/; h()\n}\n"
	if got := string(gen.Apply(c.src, c.marks())); got != marked {
		t.Fatalf("marked\n%s\nwant\n%s", got, marked)
	}
	got, err := c.exchange([]byte(marked))
	want := string(gen.Apply([]byte(src), edits))
	if err != nil || string(got) != want {
		t.Errorf("exchanged, %v\n%s\nwant\n%s", err, got, want)
	}
	if _, err := c.exchange([]byte(marked[:60])); err == nil {
		t.Error("a mark that is missing is no error")
	}
}
