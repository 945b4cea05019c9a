package load

import "strings"

// NoMatchError says that the patterns name no package.
type NoMatchError struct{ Patterns []string }

func (e *NoMatchError) Error() string {
	return strings.Join(e.Patterns, " ") + " matches no packages"
}

// NoMainError says that the patterns name packages, but none to run.
type NoMainError struct {
	Patterns []string
	Packages int // how many they name
}

func (e *NoMainError) Error() string {
	if e.Packages == 1 {
		return "package " + strings.Join(e.Patterns, " ") + " is not a main package"
	}
	return strings.Join(e.Patterns, " ") + " matches no main package"
}

// CompileError says that the program does not build.
type CompileError struct {
	Output string // what the go command and the compiler say, as go build prints it
}

func (e *CompileError) Error() string { return strings.TrimRight(e.Output, "\n") }
