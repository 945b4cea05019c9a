package analyze

import (
	"go/ast"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/types/typeutil"
)

// group is a function together with the literals in it that it runs itself, at
// once or by defer. What one of them locks another may release. Its address
// tells it from others.
type group struct {
	given bool // a literal that is given away: who runs it, and when, is not known
}

// lock is an acquisition that may have its release in the same group.
type lock struct {
	group  *group
	key    string // see lockKey
	family string
	offset int
	call   token.Pos // the parenthesis of the call, token.NoPos if it is none
}

// release is a release of a lock.
type release struct {
	group    *group
	key      string
	family   string
	offset   int
	deferred bool
}

func (v *visitor) release(r release) { v.releases = append(v.releases, r) }

// lent notes that somebody else may release the lock x: its address is given
// away. Making a Cond of it does not count, which releases what the same
// goroutine has taken.
func (v *visitor) lent(n *ast.UnaryExpr) {
	switch v.info.TypeOf(n.X).String() {
	case "sync.Mutex", "sync.RWMutex":
	default:
		return
	}
	for up := 0; ; up++ {
		switch p := v.parent(up).(type) {
		case *ast.ParenExpr:
			continue
		case *ast.SelectorExpr:
			return // the operand of a method
		case *ast.CallExpr:
			if f, ok := typeutil.Callee(v.info, p).(*types.Func); ok && f.FullName() == "sync.NewCond" {
				return
			}
		}
		v.shared[lockKey(v.info, n.X, "")] = true
		return
	}
}

// pair marks the acquisitions whose function releases what they take on every
// way out. A lock that somebody else may release too is never paired.
func (v *visitor) pair() {
	for _, r := range v.releases {
		if r.group.given && !v.takes(r) {
			v.shared[r.key] = true
		}
	}
	for _, o := range v.ops {
		if o.lock != nil {
			o.site.Paired = !v.shared[o.lock.key] && v.facts.kept[o.lock.call]
		}
	}
}

// takes reports whether the group of r takes the lock before it releases it.
func (v *visitor) takes(r release) bool {
	for _, o := range v.ops {
		if l := o.lock; l != nil && l.group == r.group && l.key == r.key && l.family == r.family && (r.deferred || l.offset < r.offset) {
			return true
		}
	}
	return false
}
