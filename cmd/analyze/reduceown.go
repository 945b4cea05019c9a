package analyze

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"github.com/lifesign-go/lifesign/cmd/load"
	"github.com/lifesign-go/lifesign/event"
)

// mimicVerb is the verb of the directive by which an author adds a check of his
// own to a checker.
const mimicVerb verb = "mimic"

// ownCheck is a function that its author has made a check.
type ownCheck struct {
	*saying
	region string // the function whose region's checker calls it, as stacks have it without the package; "" for none
	plain  bool   // it takes no context
}

// mimic adds a check. It returns what is wrong.
func (s *sayings) mimic(said *saying, text string, p *load.Package, l *lines, line, end int) (mistake string) {
	if !l.code[line] {
		line = end + 1
	}
	text, _, _ = strings.Cut(strings.TrimPrefix(text, directivePrefix), "//")
	words := strings.Fields(text)[1:]
	if len(words) > 1 {
		return "it takes the name of one function that has a region, such as (*server).run, or none"
	}
	n, ok := l.begin[line].(*ast.Ident)
	if !ok {
		return "put it on the declaration of a function"
	}
	f, ok := p.Info.Defs[n].(*types.Func)
	if !ok {
		return "put it on the declaration of a function"
	}
	check := &ownCheck{saying: said}
	if len(words) == 1 {
		check.region = words[0]
	}
	sig := f.Signature()
	switch {
	case sig.Recv() != nil:
		return "a checker has no receiver for a method: put it on a function"
	case sig.TypeParams() != nil:
		return "a checker has no types for a generic function: put it on one without type parameters"
	case f.Name() == "_" || f.Name() == "init" || f.Name() == "main" && p.Name == "main":
		return "nobody can call " + f.Name()
	case sig.Params().Len() == 0:
		check.plain = true
	case sig.Params().Len() != 1 || sig.Params().At(0).Type().String() != "context.Context":
		return wantCheck
	}
	if r := sig.Results(); r.Len() != 1 || !types.Identical(r.At(0).Type(), types.Universe.Lookup("error").Type()) || sig.Variadic() {
		return wantCheck
	}
	if before := s.mimics[f]; before != nil {
		return "there is another one at " + before.place + ": keep one"
	}
	s.mimics[f] = check
	return ""
}

const wantCheck = "a check is a func() error or a func(context.Context) error"

// ownCheck adds a site for the function n, which no woven code comes to, if it is
// a check of its author's.
func (v *visitor) ownCheck(n *ast.FuncDecl) {
	f, _ := v.info.Defs[n.Name].(*types.Func)
	check := v.facts.sayings.mimics[f]
	if check == nil {
		return
	}
	if v.src.Path == "" {
		v.skip(n.Pos(), directivePrefix+string(mimicVerb), whyCgo)
		return
	}
	at := v.offset(n.Pos())
	v.ops = append(v.ops, &op{
		site: v.site(event.Call, n.Pos(), v.pkg.Name+"."+f.Name()), deed: event.SeeOwn, check: check,
		rewrite: Rewrite{Start: at, Cut: at, End: at}, // nothing is written there
		pos:     n.Pos(), what: directivePrefix + string(mimicVerb), fn: v.fn(), why: "by " + check.words,
	})
}

// own adds the checks of a package to the checkers of the regions that they name,
// and those that name none to one of their own.
func (r *reducer) own(found *visit) error {
	var alone *kept
	for _, v := range found.files {
		for _, o := range v.ops {
			if o.check == nil {
				continue
			}
			by := alone
			switch {
			case o.check.region != "":
				p, ok := r.regionOf(found, o.check.region)
				if !ok {
					return fmt.Errorf("%s: %s%s: no function %s of package %s has a region that is woven: lifesign analyze lists those that have",
						o.check.place, directivePrefix, mimicVerb, o.check.region, found.pkg.Path)
				}
				by = r.keep(r.asRoot(p))
			case alone == nil:
				by = &kept{v: v, fn: &function{node: o.fn.node, name: "own checks"}, led: led{part: part{loop: o.pos}}, root: o}
				r.kept[by.led], alone = by, by
			}
			by.own = append(by.own, o)
		}
	}
	return nil
}

// asRoot returns the region p on the walk that begins with it.
func (r *reducer) asRoot(p part) led {
	for i, w := range r.walks {
		if a := w.parts[p]; a != nil && a.up == nil {
			return led{p, i}
		}
	}
	return led{part: p}
}

// regionOf returns the region of the function of the package that has this name:
// the first loop that lasts, else the request that it is, else the first loop.
func (r *reducer) regionOf(found *visit, name string) (p part, ok bool) {
	for _, v := range found.files {
		for _, fn := range v.named {
			in := r.loops.regions[fn.node]
			if fn.name != name || in == nil {
				continue
			}
			switch {
			case len(in.loops) > len(in.passing):
				return part{fn.node, in.lasting()}, true
			case in.request:
				return part{fn.node, token.NoPos}, true
			}
			return part{fn.node, in.loops[0].Pos()}, true
		}
	}
	return part{}, false
}
