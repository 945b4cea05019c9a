package mimic

var programs = map[string]func(){}
