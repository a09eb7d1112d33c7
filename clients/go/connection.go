package riverbeat

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

var errClosed = errors.New("riverbeat: stopped")

const closeTimeout = time.Second // how long a connection may take to say that it closes

// line is one connection, used by one goroutine at a time. After any failure the next user gets a fresh one: a connection whose
// packets are swallowed would otherwise swallow every beat.
type dedicatedConnection struct {
	database *pgxpool.Config
	free     chan struct{} // holds one token; a channel, so that waiting can be given up
	conn     *pgx.Conn
	closed   bool
	closing  sync.WaitGroup
}

func newConnection(database *pgxpool.Config) *dedicatedConnection {
	l := &dedicatedConnection{database: database, free: make(chan struct{}, 1)}
	l.free <- struct{}{}
	return l
}

// use waits until the connection is free, as long as ctx lives, and then lends it to do for at most limit.
func (l *dedicatedConnection) use(ctx context.Context, limit time.Duration, do func(context.Context, *pgx.Conn) error) (err error) {
	select {
	case <-l.free:
	case <-ctx.Done():
		return ctx.Err()
	}
	if l.closed {
		l.free <- struct{}{}
		return errClosed
	}
	done := false
	defer func() {
		if err != nil || !done { // not done: a panic
			l.drop()
		}
		l.free <- struct{}{}
	}()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if l.conn == nil || l.conn.IsClosed() {
		if l.conn, err = connect(ctx, l.database, limit); err != nil {
			return err
		}
	}
	err = do(ctx, l.conn)
	done = true
	return err
}

// drop closes the connection without waiting for the other side, which may not be there.
func (l *dedicatedConnection) drop() {
	conn := l.conn
	l.conn = nil
	if conn == nil {
		return
	}
	l.closing.Add(1)
	go func() {
		defer l.closing.Done()
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		_ = conn.Close(ctx)
	}()
}

// close waits until the connection is free.
func (l *dedicatedConnection) close() {
	<-l.free
	l.closed = true
	l.drop()
	l.free <- struct{}{}
	l.closing.Wait()
}

// connect keeps what the user's pool does for its connections (passwords that change, roles), but not its tracer.
func connect(ctx context.Context, database *pgxpool.Config, limit time.Duration) (*pgx.Conn, error) {
	config := database.ConnConfig.Copy()
	config.Tracer = nil
	config.DefaultQueryExecMode = pgx.QueryExecModeExec                    // nothing prepared: a PgBouncer may stand between
	config.ConnectTimeout = limit / time.Duration(1+len(config.Fallbacks)) // so that each host gets its share
	if config.RuntimeParams == nil {
		config.RuntimeParams = map[string]string{}
	}
	config.RuntimeParams["application_name"] = "riverbeat"
	if database.BeforeConnect != nil {
		if err := database.BeforeConnect(ctx, config); err != nil {
			return nil, err
		}
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	if database.AfterConnect != nil {
		if err := database.AfterConnect(ctx, conn); err != nil {
			_ = conn.Close(ctx)
			return nil, err
		}
	}
	return conn, nil
}
