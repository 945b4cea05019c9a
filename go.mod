module github.com/lifesign-go/lifesign

go 1.18
