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

const goodbye = time.Second // how long a connection may take to say that it closes

// line is one connection, used by one at a time. After any failure the next user gets a fresh one: a connection whose
// packets are swallowed would otherwise swallow every beat.
type line struct {
	database *pgxpool.Config
	turn     chan struct{} // holds one token; a channel, so that waiting can be given up
	conn     *pgx.Conn
	closed   bool
	closing  sync.WaitGroup
}

func newLine(database *pgxpool.Config) *line {
	l := &line{database: database, turn: make(chan struct{}, 1)}
	l.turn <- struct{}{}
	return l
}

// use waits for its turn while ctx lives, and then gives do a connection for at most limit.
func (l *line) use(ctx context.Context, limit time.Duration, do func(context.Context, *pgx.Conn) error) (err error) {
	select {
	case <-l.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	if l.closed {
		l.turn <- struct{}{}
		return errClosed
	}
	done := false
	defer func() {
		if err != nil || !done { // not done: a panic
			l.drop()
		}
		l.turn <- struct{}{}
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
func (l *line) drop() {
	conn := l.conn
	l.conn = nil
	if conn == nil {
		return
	}
	l.closing.Add(1)
	go func() {
		defer l.closing.Done()
		ctx, cancel := context.WithTimeout(context.Background(), goodbye)
		defer cancel()
		_ = conn.Close(ctx)
	}()
}

// close waits for the one who has its turn.
func (l *line) close() {
	<-l.turn
	l.closed = true
	l.drop()
	l.turn <- struct{}{}
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
