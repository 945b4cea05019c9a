package etcdnode_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/lifesign-go/lifesign/cmd/etcdnode"
	"github.com/lifesign-go/lifesign/etcd"
	"github.com/lifesign-go/lifesign/lease"
)

// join has name in the group until leave is called or the test ends.
func join(t *testing.T, r *etcd.Registry, name string) (leave func()) {
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		left <- r.Join(ctx, etcd.ElectionConfig{Name: name, Value: "at " + name, TTL: long})
	}()
	return func() {
		t.Helper()
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("leave the group: %v", err)
		}
	}
}

func as(user, password string) func(*etcd.Config) {
	return func(e *etcd.Config) { e.User, e.Password = user, password }
}

const password = "correct horse"

func TestAuthentication(t *testing.T) {
	r := newRig(t, 1, etcdnode.Config{HashCost: 4}) // what logs in is not to wait for a busy machine
	ctx := bounded(t)
	grant := enableAuth(t, dial(t, r.endpoints()).Client())
	if _, err := etcd.Dial(etcd.Config{Endpoints: r.endpoints(), User: "agent", Password: "wrong"}); !errors.Is(err, rpctypes.ErrAuthFailed) {
		t.Errorf("a wrong password: %v, want that authentication failed", err)
	}
	e := election(t, dial(t, r.endpoints(), as("stranger", password)), etcd.ElectionConfig{TTL: short})
	if token, err := e.Acquire(ctx); !errors.Is(err, rpctypes.ErrPermissionDenied) {
		t.Errorf("who may nothing got token %d, %v, want permission denied", token, err)
	}
	h := hold(t, election(t, dial(t, r.endpoints(), as("agent", password)), etcd.ElectionConfig{TTL: short}))
	h.mustWrite(t, etcd.DefaultPrefix+"data", "1")
	if err := h.write(t, "elsewhere", "1"); !errors.Is(err, rpctypes.ErrPermissionDenied) {
		t.Errorf("a write where the holder may not: %v, want permission denied", err)
	}

	// What is forbidden says nothing of who holds the lease.
	root := dial(t, r.endpoints(), as("root", password)).Client()
	if _, err := root.RoleRevokePermission(ctx, "agent", etcd.DefaultPrefix, clientv3.GetPrefixRangeEnd(etcd.DefaultPrefix)); err != nil {
		t.Fatal(err)
	}
	h.is(t, lease.Lost)
	if h.gone() {
		t.Errorf("the lease is gone for good although nobody has said so: it was %v", h.path)
	}
	grant(root)
	until(t, "the lease is held again or gone", func() bool { return h.gone() || h.l.State() == lease.Held })
}

// enableAuth makes root, an agent that may what this package needs, and a stranger.
// The function that it returns gives the agent that again.
func enableAuth(t *testing.T, c *clientv3.Client) (grant func(*clientv3.Client)) {
	t.Helper()
	ctx := bounded(t)
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	grant = func(c *clientv3.Client) {
		t.Helper()
		must(c.RoleGrantPermission(ctx, "agent", etcd.DefaultPrefix, clientv3.GetPrefixRangeEnd(etcd.DefaultPrefix),
			clientv3.PermissionType(clientv3.PermReadWrite)))
	}
	for _, user := range []string{"root", "agent", "stranger"} {
		must(c.UserAdd(ctx, user, password))
		must(c.RoleAdd(ctx, user))
		must(c.UserGrantRole(ctx, user, user))
	}
	grant(c)
	must(c.AuthEnable(ctx))
	return grant
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	ca := newAuthority(t, dir)
	cert, key := ca.issue(t, dir, "node")
	r := newRig(t, 1, etcdnode.Config{Certificate: cert, Key: key, Authority: ca.file})
	cert, key = ca.issue(t, dir, "agent")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	with := func(c *tls.Config) func(*etcd.Config) { return func(e *etcd.Config) { e.TLS = c } }
	h := hold(t, election(t, dial(t, r.endpoints(), with(&tls.Config{RootCAs: ca.pool, Certificates: []tls.Certificate{pair}})),
		etcd.ElectionConfig{TTL: long}))
	h.mustWrite(t, "account", "1")

	for name, config := range map[string]*tls.Config{
		"no certificate of its own": {RootCAs: ca.pool},
		"another authority":         {RootCAs: x509.NewCertPool(), Certificates: []tls.Certificate{pair}},
	} {
		var waits troubles
		e := election(t, dial(t, r.endpoints(), with(config)), etcd.ElectionConfig{TTL: 6 * time.Second, Trouble: waits.add})
		ctx, cancel := context.WithCancel(bounded(t))
		ended := make(chan error)
		go func() {
			_, err := e.Acquire(ctx)
			ended <- err
		}()
		until(t, "the campaign says what it waits for: "+name, func() bool {
			return waits.has(func(err error) bool { return strings.Contains(err.Error(), "certificate") })
		})
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "campaign for ledger") {
			t.Errorf("%s: %v, want that the campaign was cancelled", name, err)
		}
	}
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
	pool *x509.CertPool
}

func newAuthority(t *testing.T, dir string) *authority {
	t.Helper()
	a := &authority{key: newKey(t), file: filepath.Join(dir, "ca.pem"), pool: x509.NewCertPool()}
	like := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, like, like, a.key.Public(), a.key)
	if err == nil {
		a.cert, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.cert)
	writePEM(t, a.file, "CERTIFICATE", der)
	return a
}

// issue makes a certificate for both ends of a connection on this machine.
func (a *authority) issue(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	k := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, k.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	writePEM(t, cert, "CERTIFICATE", der)
	writePEM(t, key, "EC PRIVATE KEY", secret)
	return cert, key
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func writePEM(t *testing.T, name, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
