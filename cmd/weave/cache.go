package weave

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// cache is the directory that outlives a build. It holds what must stand at
// the same path in every build, because the path is part of what the go
// command's build cache goes by:
//
//	link/MODULE@VERSION     symbolic link to the module in the module cache
//	link/HASH/…             the same for a second module cache
//	runtime/HASH/           the runtime module, by the hash of its archive
//	empty/                  a module without packages
//
// and what need not be found out again:
//
//	analysis/HASH           what analysis has found in a program, by its fingerprint
//
// Builds may use it at the same time: an entry, once it is there, is changed
// only if it is broken. It may be deleted whenever no build runs; woven programs
// need it only for a debugger that looks for their sources.
type cache struct{ dir string }

// openCache returns the cache at dir, by default in the user's cache directory.
func openCache(dir string) (cache, error) {
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return cache{}, fmt.Errorf("no place for lifesign's cache: %w; set XDG_CACHE_HOME to a directory that can be written", err)
		}
		dir = filepath.Join(user, "lifesign")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return cache{}, err
	}
	return cache{dir}, nil
}

// linkPath returns the path of the link to target, which stands at relative
// in its module cache. A link that leads into another module cache is left to
// the builds that use it.
func (c cache) linkPath(relative, target string) string {
	path := filepath.Join(c.dir, "link", relative)
	if there, err := os.Readlink(path); err != nil || there == target || !isDir(there) {
		return path
	}
	return filepath.Join(c.dir, "link", shortHash([]byte(target)), relative)
}

// ensureLink makes the link, or mends one that leads nowhere.
func (c cache) ensureLink(l link) error {
	if there, err := os.Readlink(l.path); err == nil && there == l.target {
		return nil
	}
	return c.place(l.path, func(temp string) error { return os.Symlink(l.target, temp) })
}

// ensureRuntime makes the runtime module's directory complete and returns it.
func (c cache) ensureRuntime(files []runtimeFile, hash string) (string, error) {
	dir := filepath.Join(c.dir, "runtime", hash)
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.name))
		if there, err := os.ReadFile(path); err == nil && bytes.Equal(there, f.data) {
			continue
		}
		if err := c.place(path, func(temp string) error { return os.WriteFile(temp, f.data, 0o644) }); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// ensureEmpty makes the module without packages and returns its directory.
func (c cache) ensureEmpty() (string, error) {
	dir := filepath.Join(c.dir, "empty")
	mod := filepath.Join(dir, "go.mod")
	if _, err := os.Stat(mod); err == nil {
		return dir, nil
	}
	return dir, c.place(mod, func(temp string) error { return os.WriteFile(temp, []byte("module empty\n"), 0o644) })
}

// place puts at path what create makes at a temporary name, in one step: a
// build running at the same time sees the whole of it or what was there before.
func (c cache) place(path string, create func(temp string) error) error {
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		temp := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%x.tmp", filepath.Base(path), rand.Uint64()))
		if err = create(temp); err == nil {
			err = os.Rename(temp, path)
		}
		if err != nil {
			os.Remove(temp)
		}
	}
	return explainWrite("lifesign's cache", c.dir, "XDG_CACHE_HOME", err)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func shortHash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}
