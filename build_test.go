package lifesign_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Woven programs are built for wherever their users run them. Where an
// operating system gives less, the code must still compile.
func TestRootModuleBuildsElsewhere(t *testing.T) {
	for _, target := range []string{"darwin/amd64", "darwin/arm64", "linux/arm64", "windows/amd64"} {
		t.Run(target, func(t *testing.T) {
			system, arch := split(target, "/")
			goCommand(t, []string{"GOOS=" + system, "GOARCH=" + arch, "CGO_ENABLED=0"}, "build", "./...")
		})
	}
}

// Alone, without the workspace, is how a woven program sees the module.
func TestRootModuleBuildsAlone(t *testing.T) {
	goCommand(t, []string{"GOWORK=off", "GOFLAGS=-mod=readonly"}, "build", "./...")
}

// goCommand runs the go command in the repository's root and returns its
// standard output.
func goCommand(t *testing.T, env []string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), env...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s go %s: %v\n%s%s", strings.Join(env, " "), strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String()
}

// split cuts s at the first sep; without one, after is empty.
func split(s, sep string) (before, after string) {
	i := strings.Index(s, sep)
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i+len(sep):]
}
