package load

import (
	"go/ast"
	"go/token"
	"go/types"
)

// Program is a loaded program.
type Program struct {
	Fset     *token.FileSet
	Roots    []*Package  // those that the patterns named, by import path
	Packages []*Package  // those and all they depend on, by import path
	Runtime  []*Package  // runtime, sync and internal/sync (where there is one)
	Sizes    types.Sizes // of the target's compiler and architecture

	GoVersion string // of the toolchain: "go1.26.8"
	GOOS      string // of the target
	GOARCH    string
}

// Package is a package with its syntax and types.
type Package struct {
	Path, Name string
	Dir        string   // absolute
	Module     *Module  // nil for the standard library and for files named on the command line
	Standard   bool     // of the standard library
	Files      []*File  // those that can be rewritten, by path
	Cgo        []string // source files that the compiler sees only after cgo changed them
	Other      []string // assembly, C and other non-Go files, absolute

	Syntax []*ast.File // what the compiler sees, cgo's output included
	Types  *types.Package
	Info   *types.Info
}

// File is a source file as it stands on disk.
type File struct {
	Path   string // absolute
	Size   int
	Sum    uint32 // CRC-32 (IEEE) of its content when it was loaded
	Syntax *ast.File
}

// Module is the module a package belongs to.
type Module struct {
	Path      string
	Version   string // "" for a main module
	Dir       string // "" in a vendor directory
	GoMod     string
	GoVersion string // of the go line, "1.21"; "" if there is none
	Main      bool   // a main module: the one the go command runs in, or one of a workspace
	Replaced  bool   // by another module or directory, which Dir is
}
