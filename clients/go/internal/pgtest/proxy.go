package pgtest

import (
	"bytes"
	"context"
	"net"
	"path/filepath"
	"sync"
	"testing"
)

// Proxy is a way to the server that can be interfered with. Its connections are those of Dial.
type Proxy struct {
	listener net.Listener
	socket   string
	mu       sync.Mutex
	changed  *sync.Cond
	conns    []net.Conn
	away     bool
	stalled  bool
	silencer []byte // see LoseAnswers
}

// pair is one connection through the proxy.
type pair struct {
	front, back net.Conn
	named, mute bool // the statement was prepared; its answers are lost
}

// Proxy starts one that ends with the test. It needs a server of our own.
func (s *Server) Proxy(tb testing.TB) *Proxy {
	tb.Helper()
	if s.Socket() == "" {
		tb.Skip("needs its own server")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{listener: listener, socket: filepath.Join(s.Socket(), ".s.PGSQL.5432")}
	p.changed = sync.NewCond(&p.mu)
	go p.accept()
	tb.Cleanup(func() {
		_ = listener.Close()
		p.Cut()
	})
	return p
}

// Dial is for pgx: whatever the address, it leads through the proxy.
func (p *Proxy) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "tcp", p.listener.Addr().String())
}

func (p *Proxy) accept() {
	for {
		front, err := p.listener.Accept()
		if err != nil {
			return
		}
		back, err := net.Dial("unix", p.socket)
		if err != nil {
			_ = front.Close()
			continue
		}
		if !p.keep(front, back) {
			_ = front.Close()
			_ = back.Close()
			continue
		}
		through := &pair{front: front, back: back}
		go p.pump(front, back, func(sent []byte) bool { through.silence(sent, p.silencer); return true })
		go p.pump(back, front, func([]byte) bool { return !through.mute })
	}
}

func (p *Proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		return false
	}
	p.conns = append(p.conns, conns...)
	return true
}

func (p *Proxy) pump(from, to net.Conn, passes func(read []byte) bool) {
	defer to.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if pass := p.await(buffer[:n], passes); pass && n > 0 { // what was on the way arrives before the end does
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// await waits while the way is stalled; false: what was read is lost.
func (p *Proxy) await(read []byte, passes func([]byte) bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.stalled {
		p.changed.Wait()
	}
	return passes(read)
}

// silence loses the answers of a connection from the moment that a statement is executed on it: pgx prepares it first.
func (c *pair) silence(sent, statement []byte) {
	switch {
	case len(statement) == 0:
	case bytes.Contains(sent, statement):
		c.named = true
	case c.named:
		c.mute = true
	}
}

func (p *Proxy) change(do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do()
	p.changed.Broadcast()
}

// Stall delays everything until Resume, as a lost route does; what was sent arrives then, also where its sender is gone.
func (p *Proxy) Stall() { p.change(func() { p.stalled = true }) }

// Resume ends Stall.
func (p *Proxy) Resume() { p.change(func() { p.stalled = false }) }

// LoseAnswers has the server execute a statement, recognised by a part of its text, and its client never hear of it. For
// a statement that no connection has executed yet.
func (p *Proxy) LoseAnswers(statement string) {
	p.change(func() { p.silencer = []byte(statement) })
}

// Cut breaks all connections, and refuses new ones until Mend.
func (p *Proxy) Cut() {
	p.change(func() {
		p.away, p.stalled, p.silencer = true, false, nil
		for _, conn := range p.conns {
			_ = conn.Close()
		}
		p.conns = nil
	})
}

// Mend lets new connections through.
func (p *Proxy) Mend() { p.change(func() { p.away = false }) }
