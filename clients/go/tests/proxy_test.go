package tests

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"github.com/riverkeeper/riverkeeper/clients/go"
)

// proxy stands between a Beater and its database. It can be cut (connections break, none is accepted) or swallow what it
// is sent, as a lost route does.
type proxy struct {
	listener net.Listener
	mu       sync.Mutex
	conns    []net.Conn
	away     bool
	deaf     map[net.Conn]bool
	swallow  bool // also new ones
}

func newProxy(t *testing.T) *proxy {
	t.Helper()
	if world.Socket() == "" {
		t.Skip("needs its own server")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, deaf: map[net.Conn]bool{}}
	go p.accept()
	t.Cleanup(func() {
		_ = listener.Close()
		p.cut()
	})
	return p
}

// through changes only the Beater's way: the test's own pool stays direct.
func (p *proxy) through(c *riverbeat.Config) {
	c.Database = c.Database.Copy()
	c.Database.ConnConfig.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", p.listener.Addr().String())
	}
}

func (p *proxy) accept() {
	for {
		front, err := p.listener.Accept()
		if err != nil {
			return
		}
		back, err := net.Dial("unix", filepath.Join(world.Socket(), ".s.PGSQL.5432"))
		p.mu.Lock()
		if err != nil || p.away {
			p.mu.Unlock()
			_ = front.Close()
			continue
		}
		p.conns = append(p.conns, front, back)
		p.deaf[front] = p.swallow
		p.mu.Unlock()
		go p.pump(front, front, back)
		go p.pump(front, back, front)
	}
}

func (p *proxy) pump(front, from, to net.Conn) {
	defer to.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		p.mu.Lock()
		deaf := p.deaf[front]
		p.mu.Unlock()
		if deaf {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil && err != io.EOF {
			return
		}
	}
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = true
	for _, conn := range p.conns {
		_ = conn.Close()
	}
	p.conns = nil
}

// hole swallows what all connections carry, new ones too.
func (p *proxy) hole() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.swallow = true
	for conn := range p.deaf {
		p.deaf[conn] = true
	}
}

func (p *proxy) mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = false
}

// deafen swallows what the present connections carry; new ones work.
func (p *proxy) deafen() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.deaf {
		p.deaf[conn] = true
	}
}
