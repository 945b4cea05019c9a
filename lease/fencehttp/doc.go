// Package fencehttp carries fencing tokens over net/http: a service refuses
// requests of holders that have been replaced.
//
// The service's side is Handler around what changes something, with a lease.Fence.
// The holder's side is Store, for lease.Lease.Open, and Transport, which puts the
// token of the work that a request is made for into its header:
//
//	service:  http.Handle("/accounts/", fencehttp.Handler(fence, accounts))
//	holder:   term, err := l.Open(ctx, fencehttp.Store{URL: "http://ledger/accounts/"})
//	          client := &http.Client{Transport: fencehttp.Transport{}}
//	          err = term.Do(ctx, func(ctx context.Context, _ lease.Token) error {
//	                  req, _ := http.NewRequestWithContext(ctx, "POST", …)
//	                  …client.Do(req)
//
// What Handler answers by itself:
//
//	412 Precondition Failed    the token is stale; Lifesign-Token has the highest seen
//	428 Precondition Required  the request may change something and has no token
//	400 Bad Request            the token is none
//	503 Service Unavailable    the token could not be kept, or older writes did not end in time
//	204 No Content             a barrier has been passed
//
// 412 and not 409: it is the sender's condition that does not hold, and to resolve a
// conflict and try again, as 409 suggests, is what a holder that was replaced must
// not do.
//
// The header is no secret and no proof: who may reach the service may send any
// token, also one so high that it locks every holder out. Let only holders reach it.
package fencehttp
