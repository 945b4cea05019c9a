module github.com/lifesign-go/lifesign/cmd

go 1.26.0

require (
	github.com/lifesign-go/lifesign v0.0.0
	golang.org/x/sys v0.48.0
	golang.org/x/tools v0.52.0
)
