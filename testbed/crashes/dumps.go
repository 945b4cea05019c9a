package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// dumps returns what lifesign says of the dumps in a directory, "" if there are none.
func (r runner) dumps(dir string) (string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return "", err
	}
	var all strings.Builder
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || !info.Mode().IsRegular() {
			continue
		}
		out, err := exec.Command(filepath.Join(r.bin, "lifesign"), "dump", "show", f).CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("lifesign dump show: %w\n%s", err, out)
		}
		all.Write(out)
	}
	return all.String(), nil
}
