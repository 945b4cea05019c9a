package analyze

import (
	"go/types"
	"strings"
)

// ruleIndex finds a rule by the name of a function, as (*types.Func).FullName
// gives it. It is not changed once made.
var ruleIndex = indexRules(rules)

func indexRules(rules []rule) map[string]wait {
	index := make(map[string]wait)
	for _, r := range rules {
		for _, name := range strings.Fields(r.names) {
			index[fullName(r.recv, name)] = r.wait
		}
	}
	return index
}

// fullName returns the name that go/types gives a method or function. A
// receiver is told from a package by its star, or by the dot after its last
// slash.
func fullName(recv, name string) string {
	if strings.HasPrefix(recv, "*") || strings.Contains(recv[strings.LastIndexByte(recv, '/')+1:], ".") {
		return "(" + recv + ")." + name
	}
	return recv + "." + name
}

// blocks returns the rule for calls of f.
func blocks(f *types.Func) (wait, bool) {
	w, ok := ruleIndex[f.Origin().FullName()]
	return w, ok
}
