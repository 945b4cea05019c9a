package lifesign_test

import (
	"bytes"
	"go/ast"
	"go/format"
	"path"
	"regexp"
	"strings"
	"testing"
)

const (
	maxFile     = 500 // lines
	maxFunction = 80  // lines
)

func TestEveryPackageHasOneComment(t *testing.T) {
	for _, p := range packages(t) {
		var with []string
		onlyTests := true
		for _, f := range p.files {
			onlyTests = onlyTests && f.test
		}
		for _, f := range p.files {
			// The comment belongs to the code; only a package of tests has it in one of them.
			if f.syntax.Doc.Text() != "" && f.test == onlyTests {
				with = append(with, f.name)
			}
		}
		if len(with) != 1 {
			t.Errorf("package %s has %d package comments %v, want 1", p.dir, len(with), with)
		}
	}
}

// A name says what a package provides; these say that somebody gave up.
func TestPackageNames(t *testing.T) {
	vague := map[string]bool{"util": true, "utils": true, "common": true, "pkg": true, "helper": true, "helpers": true, "misc": true}
	for _, p := range packages(t) {
		if vague[path.Base(p.dir)] || vague[p.files[0].syntax.Name.Name] {
			t.Errorf("package %s: its name does not say what it provides", p.dir)
		}
	}
}

func TestSizes(t *testing.T) {
	for _, p := range packages(t) {
		for _, f := range p.files {
			if f.test || f.generated || strings.HasPrefix(path.Base(f.name), "zz_") {
				continue
			}
			if n := bytes.Count(f.src, []byte("\n")); n >= maxFile {
				t.Errorf("%s has %d lines, want less than %d", f.name, n, maxFile)
			}
			for _, d := range f.syntax.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				n := f.fset.Position(fn.End()).Line - f.fset.Position(fn.Pos()).Line + 1
				if n >= maxFunction {
					t.Errorf("%s: %s has %d lines, want less than %d", f.place(fn.Pos()), fn.Name.Name, n, maxFunction)
				}
			}
		}
	}
}

// A skipped test is a rule that nobody keeps: what a test needs, it makes, or
// it fails.
func TestNoTestIsSkipped(t *testing.T) {
	for _, p := range packages(t) {
		for _, f := range p.files {
			if !f.test {
				continue
			}
			ast.Inspect(f.syntax, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if ok && (sel.Sel.Name == "Skip" || sel.Sel.Name == "Skipf" || sel.Sel.Name == "SkipNow") {
					t.Errorf("%s skips a test", f.place(sel.Pos()))
				}
				return true
			})
		}
	}
}

// What is left to do is an issue, not a comment.
func TestNothingIsLeftToDo(t *testing.T) {
	left := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b`)
	for _, p := range packages(t) {
		for _, f := range p.files {
			for _, group := range f.syntax.Comments {
				if m := left.FindString(group.Text()); m != "" {
					t.Errorf("%s: a comment says %s", f.place(group.Pos()), m)
				}
			}
		}
	}
	for _, name := range texts(t) {
		if m := left.Find(read(t, name)); m != nil {
			t.Errorf("%s says %s", name, m)
		}
	}
}

func TestGofmt(t *testing.T) {
	for _, p := range packages(t) {
		for _, f := range p.files {
			formatted, err := format.Source(f.src)
			if err != nil {
				t.Errorf("format %s: %v", f.name, err)
			} else if !bytes.Equal(formatted, f.src) {
				t.Errorf("%s is not as gofmt writes it", f.name)
			}
		}
	}
}

// A path of the machine on which somebody wrote is of no use on another.
// Documents do not name temporary files either; tests may.
func TestNoMachinePaths(t *testing.T) {
	own := regexp.MustCompile("(^|[\\s\"'`(=])/(work|ro" + "ot|ho" + "me|Users)/[\\w.]")
	temporary := regexp.MustCompile("(^|[\\s\"'`(=])/tmp" + "/")
	for _, name := range repository(t) {
		if strings.Contains(name, "testdata/") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		data := read(t, name)
		if m := own.Find(data); m != nil {
			t.Errorf("%s names a path of somebody's machine: %q", name, m)
		}
		if m := temporary.Find(data); m != nil && path.Ext(name) == ".md" {
			t.Errorf("%s names a file under the temporary directory", name)
		}
	}
}

// The module of what is woven in must not touch a program's module graph.
func TestRootModuleRequiresNothing(t *testing.T) {
	got := string(read(t, "go.mod"))
	if want := "module " + module + "\n\ngo 1.18\n"; got != want {
		t.Errorf("go.mod is\n%s\nwant\n%s", got, want)
	}
}

// Programs that use package etcd get its module's requirements, those of its tests
// included: the server, which is ten times the client, is the tool's.
func TestEtcdModuleRequiresNoServer(t *testing.T) {
	if mod := read(t, "etcd/go.mod"); bytes.Contains(mod, []byte("go.etcd.io/etcd/server")) {
		t.Errorf("etcd/go.mod requires etcd's server:\n%s", mod)
	}
}

// go.work ties the modules together; a replace line would do so only for whom
// has this very tree.
func TestNoReplaceIsCommitted(t *testing.T) {
	found := 0
	for _, name := range repository(t) {
		if path.Base(name) != "go.mod" || strings.Contains(name, "testdata/") {
			continue
		}
		found++
		for i, line := range strings.Split(string(read(t, name)), "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "replace") || strings.Contains(line, "=>") {
				t.Errorf("%s:%d: %s", name, i+1, line)
			}
		}
	}
	if found < 3 {
		t.Errorf("%d go.mod files found, want those of the root, of cmd and of the testbed", found)
	}
}

// The subjects must keep the versions that have, or have not, the fault: a
// workspace would unify them.
func TestSubjectsStayOutsideTheWorkspace(t *testing.T) {
	if bytes.Contains(read(t, "go.work"), []byte("testbed")) {
		t.Error("go.work uses a module of the testbed")
	}
	for name, version := range map[string]string{
		"testbed/nats7458/go.mod":         "github.com/nats-io/nats-server/v2 v2.12.1 ",
		"testbed/nats7458mended/go.mod":   "github.com/nats-io/nats-server/v2 v2.12.2 ",
		"testbed/raft503/go.mod":          "github.com/hashicorp/raft v1.7.3\n",
		"testbed/prom13861/go.mod":        "github.com/prometheus/prometheus v0.51.1\n",
		"testbed/prom13861mended/go.mod":  "github.com/prometheus/prometheus v0.51.2\n",
		"testbed/badger1529/go.mod":       "github.com/dgraph-io/badger/v2 v2.2007.2\n",
		"testbed/badger1529mended/go.mod": "github.com/dgraph-io/badger/v3 v3.2011.0\n",
		"testbed/bboltremap/go.mod":       "go.etcd.io/bbolt v1.4.3\n",
		"testbed/pebblehang/go.mod":       "github.com/cockroachdb/pebble v1.1.5\n",
		"testbed/sarama2378/go.mod":       "github.com/Shopify/sarama v1.37.2\n",
		"testbed/sarama2378mended/go.mod": "github.com/Shopify/sarama v1.38.0\n",
	} {
		if !bytes.Contains(read(t, name), []byte(version)) {
			t.Errorf("%s does not pin %s", name, version)
		}
	}
}

// texts returns the names of the documents and scripts.
func texts(t *testing.T) []string {
	var names []string
	for _, name := range repository(t) {
		if path.Ext(name) == ".md" || name == "Makefile" || strings.HasPrefix(name, ".ci/") {
			names = append(names, name)
		}
	}
	return names
}
