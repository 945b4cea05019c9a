module github.com/lifesign-go/lifesign/testbed/httpserver

go 1.26.0
