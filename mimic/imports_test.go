package mimic

import (
	"os/exec"
	"strings"
	"testing"
)

// What is imported here is linked into every woven program. These packages are in
// any program with files already, or small.
var allowed = map[string]string{
	"bytes":           "package os has it",
	"container/heap":  "small",
	"context":         "small; for deadlines of the program's own functions",
	"errors":          "the runtime's own",
	"fmt":             "package event has it already",
	"io":              "package os has it",
	"os":              "files",
	"path":            "small",
	"reflect":         "package fmt has it; only types and fields, no method by its name, which would keep all methods in the program",
	"runtime":         "",
	"runtime/metrics": "small; the heap's size without stopping anything",
	"sort":            "small",
	"strconv":         "the runtime's own",
	"strings":         "small",
	"sync":            "the runtime's own",
	"syscall":         "package os has it",
	"time":            "package os has it",
	"unsafe":          "",
}

func TestImportsBringNothingAlong(t *testing.T) {
	list := func(args ...string) []string {
		out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
		if err != nil {
			t.Fatalf("go list %v: %v", args, err)
		}
		return strings.Fields(string(out))
	}
	for _, imp := range list("-f", `{{join .Imports "\n"}}`, ".") {
		if _, ok := allowed[imp]; !ok && !strings.HasPrefix(imp, "github.com/lifesign-go/lifesign/") {
			t.Errorf("%s is imported: every woven program would have it", imp)
		}
	}
	seen := false
	for _, dep := range list("-deps", ".") {
		seen = seen || dep == "os"
		switch strings.SplitN(dep, "/", 2)[0] {
		case "net", "crypto", "database", "log", "encoding", "compress", "html", "text", "go", "expvar", "plugin", "testing":
			t.Errorf("%s is brought along", dep)
		}
	}
	if !seen {
		t.Error("go list does not list what is needed")
	}
}
