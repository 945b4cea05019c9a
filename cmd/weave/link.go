package weave

import "strings"

// CutLink splits the path of a file in a woven dependency, as it stands in a
// program's line table, behind the link through which the dependency was
// compiled: link + "/" + rest. ok is false for every other path. It knows links
// by their form, so that a program is understood that another machine built.
func CutLink(file string) (link, rest string, ok bool) {
	const root = "/lifesign/link/"
	i := strings.Index(file, root)
	if i < 0 {
		return "", "", false
	}
	start := i + len(root)
	version := strings.IndexByte(file[start:], '@')
	if version < 0 {
		return "", "", false
	}
	end := strings.IndexByte(file[start+version:], '/')
	if end < 0 {
		return "", "", false
	}
	end += start + version
	return file[:end], file[end+1:], true
}
