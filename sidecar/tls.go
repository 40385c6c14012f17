package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
)

// certificate is what the sidecar shows clients that come by TLS; nil for none. It can be replaced while it is served
// with.
type certificate struct {
	now atomic.Pointer[tls.Certificate]
}

// readCertificate reads one from files in PEM, the certificate with what leads to its authority; nil where neither is
// named.
func readCertificate(cert, key string) (*certificate, error) {
	if cert == "" && key == "" {
		return nil, nil
	}
	if cert == "" || key == "" {
		return nil, badInput{errors.New("TLS takes both --tls-cert and --tls-key")}
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, badInput{fmt.Errorf("--tls-cert %s, --tls-key %s: %w; give a certificate and its own key, both in PEM", cert, key, err)}
	}
	c := &certificate{}
	c.now.Store(&pair)
	return c, nil
}

// become has new connections get another one.
func (c *certificate) become(other *certificate) { c.now.Store(other.now.Load()) }

// over is a listener of TLS 1.2 or later, with HTTP/2, over one of TCP; the same one without a certificate.
func (c *certificate) over(ln net.Listener) net.Listener {
	if c == nil {
		return ln
	}
	return tls.NewListener(ln, &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.now.Load(), nil
		},
	})
}

// scheme is that of URLs that lead here.
func (c *certificate) scheme() string {
	if c == nil {
		return "http"
	}
	return "https"
}
