package hook

import "reflect"

// Request takes where an HTTP request goes to, a *http.Request: the scheme and the host
// of its URL, "https://example.com". The program's goroutine, which is about to send it,
// reads the same; nothing else of it is taken, for there may be names and secrets in it.
func (c *Capture) Request(r any) *Capture {
	if c != nil {
		c.addText(whereTo(r))
	}
	return c
}

// whereTo returns "" if that cannot be known. Package net/http is not named: not every
// woven program has it.
//
//go:noinline
func whereTo(r any) string {
	v := reflect.ValueOf(r)
	if v.Kind() != reflect.Ptr || v.IsNil() || v.Type().Elem().PkgPath() != "net/http" || v.Type().Elem().Name() != "Request" {
		return ""
	}
	u := v.Elem().FieldByName("URL")
	if u.Kind() != reflect.Ptr || u.IsNil() || u.Type().Elem().Kind() != reflect.Struct {
		return ""
	}
	scheme, host := u.Elem().FieldByName("Scheme"), u.Elem().FieldByName("Host")
	if scheme.Kind() != reflect.String || host.Kind() != reflect.String || scheme.Len() == 0 || host.Len() == 0 {
		return ""
	}
	return scheme.String() + "://" + host.String()
}
