package analyze

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"strings"

	"github.com/lifesign-go/lifesign/cmd/load"
)

// directivePrefix begins a directive: a comment without a blank behind its
// slashes, as directives for the go command are.
const directivePrefix = "//lifesign:"

const wherePut = "put it on a function declaration, on a statement's line or on the line above"

// directives adds the directives of the file f. Each must stand on something:
// one that has slipped off in an edit would silently do nothing.
func (s *sayings) directives(fset *token.FileSet, p *load.Package, f *ast.File) []error {
	var found []*ast.Comment
	ends := make(map[*ast.Comment]int) // line on which the comment's group ends
	for _, g := range f.Comments {
		for _, c := range g.List {
			if strings.HasPrefix(c.Text, directivePrefix) {
				found = append(found, c)
				ends[c] = fset.PositionFor(g.End(), false).Line
			}
		}
	}
	if len(found) == 0 {
		return nil
	}
	l := newLines(fset, f)
	var mistakes []error
	for _, c := range found {
		word, _, _ := strings.Cut(strings.TrimPrefix(c.Text, directivePrefix), " ")
		said := &saying{verb: verb(strings.TrimSpace(word)), place: placeOf(fset, c.Pos())}
		said.words = fmt.Sprintf("%s%s at %s", directivePrefix, said.verb, said.place)
		mistake := ""
		switch said.verb {
		case vulnerable, idle, ignore:
			mistake = s.attach(said, p, l, fset.PositionFor(c.Pos(), false).Line, ends[c])
		case mimicVerb:
			mistake = s.mimic(said, c.Text, p, l, fset.PositionFor(c.Pos(), false).Line, ends[c])
		default:
			mistake = fmt.Sprintf("there is no such directive: use %s; or %s", verbs, mimicVerb)
		}
		if mistake != "" {
			mistakes = append(mistakes, fmt.Errorf("%s: %s%s: %s", said.place, directivePrefix, said.verb, mistake))
		}
	}
	return mistakes
}

// attach puts said on what begins, or ends, on its line, or else on what
// begins on the line after its comment. It returns what is wrong.
func (s *sayings) attach(said *saying, p *load.Package, l *lines, line, end int) (mistake string) {
	if !l.code[line] {
		line = end + 1
	}
	var before *saying
	switch n := cmp.Or(l.begin[line], l.end[line]).(type) {
	case *ast.Ident: // the name of a function or method
		obj := p.Info.Defs[n]
		before, s.declared[obj] = s.declared[obj], said
	case ast.Stmt:
		before, s.statements[n] = s.statements[n], said
	default:
		return "it is attached to nothing: " + wherePut
	}
	if before != nil {
		return "there is another one at " + before.place + ": keep one"
	}
	return ""
}

// lines says what a directive on a line of a file is attached to: a statement,
// or the name of a function.
type lines struct {
	begin map[int]ast.Node // the outermost that begins there
	end   map[int]ast.Node // the outermost that ends there, if no other statement is in it
	code  map[int]bool     // lines that have more than comments
}

func newLines(fset *token.FileSet, f *ast.File) *lines {
	l := &lines{begin: make(map[int]ast.Node), end: make(map[int]ast.Node), code: make(map[int]bool)}
	at := func(p token.Pos) int { return fset.PositionFor(p, false).Line }
	headers := make(map[ast.Stmt]bool) // what is sent or received in a select's cases: the select stands for it
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case nil, *ast.Comment, *ast.CommentGroup:
			return false
		case *ast.File:
			return true
		case *ast.FuncDecl:
			l.put(l.begin, at(n.Type.Pos()), n.Name)
			l.put(l.begin, at(n.Name.Pos()), n.Name)
		case *ast.InterfaceType:
			for _, m := range n.Methods.List {
				if len(m.Names) == 1 {
					l.put(l.begin, at(m.Pos()), m.Names[0])
				}
			}
		case *ast.CommClause:
			headers[n.Comm] = true
		case *ast.LabeledStmt:
			l.put(l.begin, at(n.Pos()), n.Stmt)
		case *ast.BlockStmt, *ast.CaseClause, *ast.EmptyStmt:
		case *ast.ExprStmt, *ast.AssignStmt, *ast.DeclStmt, *ast.ReturnStmt, *ast.SendStmt, *ast.IncDecStmt, *ast.GoStmt, *ast.DeferStmt:
			if s := n.(ast.Stmt); !headers[s] {
				l.put(l.begin, at(s.Pos()), s)
				l.put(l.end, at(s.End()-1), s)
			}
		case ast.Stmt:
			l.put(l.begin, at(n.Pos()), n)
		}
		l.code[at(n.Pos())], l.code[at(n.End()-1)] = true, true
		return true
	})
	return l
}

// put puts n on a line, unless something further out is there.
func (l *lines) put(where map[int]ast.Node, line int, n ast.Node) {
	if where[line] == nil {
		where[line] = n
	}
}
