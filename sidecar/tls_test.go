package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"aprm/adapters/adaptertest"
	"aprm/prm/casetest"
)

// writeCertificate makes a certificate for this machine and its key, signed by itself, and returns a pool that trusts
// it.
func writeCertificate(t *testing.T, cert, key string, serial int64) *x509.CertPool {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "sidecar"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(parsed)
	return pool
}

// TestTLS: with a certificate requests come by TLS and HTTP/2, whole and streamed; another certificate in its place is
// shown to new connections, and one that fits no key isn't.
func TestTLS(t *testing.T) {
	upstream := &adaptertest.Upstream{OwnedBy: "llamacpp", NoHidden: true, NoN: true}
	upstream.Start(t)
	leaks := goleak.IgnoreCurrent()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	roots := writeCertificate(t, cert, key, 1)
	serves := startServing(t, "serve", "--listen", "127.0.0.1:0", "--upstream", upstream.URL, "--upstream-model", "fake", "--tls-cert", cert, "--tls-key", key, "--admin-listen", "127.0.0.1:0")
	addr, admin := serves.at(t, servesAt), serves.at(t, profilesAt)
	client := func(roots *x509.CertPool) *http.Client {
		return &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots}}}
	}
	ask := func(c *http.Client, body string) (*http.Response, string, error) {
		defer c.CloseIdleConnections()
		resp, err := c.Post("https://"+addr+"/v1/chat/completions", "application/json", strings.NewReader(body))
		if err != nil {
			return nil, "", err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		return resp, string(text), err
	}
	for _, body := range []string{
		`{"model":"fake@raw","messages":[{"role":"user","content":"Go on."}]}`,
		`{"model":"fake@raw","stream":true,"messages":[{"role":"user","content":"Go on."}]}`,
		`{"model":"fake","stream":true,"prm":{"strategy":"majority","n":2},"messages":[{"role":"user","content":"Go on."}]}`,
	} {
		resp, text, err := ask(client(roots), body)
		if err != nil || resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 || !strings.Contains(text, "choices") {
			t.Fatalf("%s: %v %v %s", body, err, resp, text)
		}
	}
	for _, open := range []string{addr + "/healthz", admin + "/debug/pprof/"} {
		if resp, err := http.Get("http://" + open); err == nil {
			if resp.StatusCode == http.StatusOK {
				t.Errorf("%s answers without TLS too", open)
			}
			resp.Body.Close()
		}
	}
	profiler := client(roots)
	defer profiler.CloseIdleConnections()
	if resp, err := profiler.Get("https://" + admin + "/debug/pprof/"); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("profiles by TLS: %v %v", resp, err)
	} else {
		resp.Body.Close()
	}

	shown := func() int64 {
		conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true}) // only to look
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	roots = writeCertificate(t, cert, key, 2)
	soon(t, "the new certificate is shown", func() bool { return shown() == 2 })
	if _, text, err := ask(client(roots), `{"model":"fake@raw","messages":[{"role":"user","content":"Go on."}]}`); err != nil || !strings.Contains(text, "choices") {
		t.Errorf("by the new certificate: %v %s", err, text)
	}
	writeCertificate(t, cert, filepath.Join(dir, "another.pem"), 3)
	time.Sleep(3 * settled)
	if got := shown(); got != 2 {
		t.Errorf("a certificate without its key is shown: %d", got)
	}
	serves.stop(t)
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	casetest.NoLeaks(t, leaks)
}

// What can't be served with is said at once.
func TestTLSNeedsBoth(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, cert, key, 1)
	for advice, args := range map[string][]string{
		"both --tls-cert and --tls-key":  {"--tls-cert", cert},
		"give a certificate and its own": {"--tls-cert", key, "--tls-key", cert},
		"no such file or directory":      {"--tls-cert", filepath.Join(dir, "none"), "--tls-key", key},
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), append([]string{"serve", "--upstream", "builtin", "--listen", "127.0.0.1:0"}, args...), strings.NewReader(""), &out, &errs)
		if code != 2 || !strings.Contains(errs.String(), advice) {
			t.Errorf("%v: status %d: %s", args, code, errs.String())
		}
	}
}
