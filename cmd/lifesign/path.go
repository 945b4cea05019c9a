package main

import (
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/lifesign-go/lifesign/cmd/weave"
)

// userPath gives a file of a woven dependency the name that the user knows it
// by: it was compiled through a link, to its place in the module cache.
func userPath(file string) string {
	dir, rest, ok := weave.CutLink(file)
	if !ok {
		return file
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		return filepath.Join(real, rest)
	}
	return file
}

// shorten makes the paths in text easier to read: those below the working
// directory become relative to it, those in the module cache begin with the
// module.
func shorten(text string) string { return shortener().Replace(text) }

var shortener = sync.OnceValue(func() *strings.Replacer {
	var pairs []string
	if dir, err := os.Getwd(); err == nil && dir != "/" {
		pairs = append(pairs, dir+"/", "")
	}
	if dir := moduleCache(); dir != "" {
		pairs = append(pairs, dir+"/", "")
	}
	return strings.NewReplacer(pairs...)
})

// moduleCache is where the go command keeps modules, as far as it can be told
// without asking it: a program is run on machines that have none.
func moduleCache() string {
	if dir := os.Getenv("GOMODCACHE"); dir != "" {
		return dir
	}
	path := filepath.SplitList(os.Getenv("GOPATH"))
	if len(path) == 0 {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		path = []string{filepath.Join(home, "go")}
	}
	return filepath.Join(path[0], "pkg", "mod")
}
