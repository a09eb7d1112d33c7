package pgtest

import (
	"bytes"
	"context"
	"net"
	"path/filepath"
	"sync"
	"testing"
)

// Proxy stands between a client and the server, and interferes with their connections. A client connects through Dial.
type Proxy struct {
	listener   net.Listener
	socket     string
	mu         sync.Mutex
	changed    *sync.Cond
	pairs      []*pair
	refusing   bool
	stalled    bool
	swallowing bool
	silencer   []byte // see LoseAnswers
}

// pair is one connection through the proxy.
type pair struct {
	front, back net.Conn
	deaf        bool // what both sides send is lost
	named, mute bool // the statement was prepared; its answers are lost
}

// Proxy starts a proxy that ends with the test. It needs a server that this package has started.
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

// Dial is for pgx: it leads through the proxy, whatever the address is.
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
		through := &pair{front: front, back: back}
		if !p.register(through) {
			through.close()
			continue
		}
		go p.pump(front, back, func(sent []byte) bool { through.silence(sent, p.silencer); return !through.deaf })
		go p.pump(back, front, func([]byte) bool { return !through.mute && !through.deaf })
	}
}

func (p *Proxy) register(through *pair) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refusing {
		return false
	}
	through.deaf = p.swallowing
	p.pairs = append(p.pairs, through)
	return true
}

func (p *Proxy) pump(from, to net.Conn, passes func(read []byte) bool) {
	defer to.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if pass := p.await(buffer[:n], passes); pass && n > 0 { // data under way arrives before the end does
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// await waits while the proxy is stalled. False: the data is lost.
func (p *Proxy) await(read []byte, passes func([]byte) bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.stalled {
		p.changed.Wait()
	}
	return passes(read)
}

// silence drops the answers of a connection from the moment that a statement is executed on it: pgx prepares it first.
func (c *pair) silence(sent, statement []byte) {
	switch {
	case len(statement) == 0:
	case bytes.Contains(sent, statement):
		c.named = true
	case c.named:
		c.mute = true
	}
}

func (c *pair) close() {
	_ = c.front.Close()
	_ = c.back.Close()
}

func (p *Proxy) change(do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do()
	p.changed.Broadcast()
}

// Stall delays all data until Resume, as a lost route does. Data that was sent arrives then, also where its sender is gone.
func (p *Proxy) Stall() { p.change(func() { p.stalled = true }) }

// Resume ends Stall.
func (p *Proxy) Resume() { p.change(func() { p.stalled = false }) }

// Swallow loses all data, of new connections too.
func (p *Proxy) Swallow() {
	p.SwallowPresent()
	p.change(func() { p.swallowing = true })
}

// SwallowPresent loses the data of the present connections; new ones work.
func (p *Proxy) SwallowPresent() {
	p.change(func() {
		for _, through := range p.pairs {
			through.deaf = true
		}
	})
}

// LoseAnswers lets the server execute a statement, recognised by a part of its text, but loses its answer. For a statement
// that no connection has executed yet.
func (p *Proxy) LoseAnswers(statement string) {
	p.change(func() { p.silencer = []byte(statement) })
}

// Cut breaks all connections, and refuses new ones until Mend.
func (p *Proxy) Cut() {
	p.change(func() {
		p.refusing, p.stalled, p.silencer = true, false, nil
		for _, through := range p.pairs {
			through.close()
		}
		p.pairs = nil
	})
}

// Mend accepts new connections again.
func (p *Proxy) Mend() { p.change(func() { p.refusing = false }) }
