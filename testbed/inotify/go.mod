module github.com/lifesign-go/lifesign/testbed/inotify

go 1.26.0
