package riverbeat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

const (
	longestCheckpoint  = 8192            // bytes, as the table's constraint
	lastCheckpointTime = time.Second     // at most, that a failed job waits until its newest checkpoint is saved
	resumeTimeout      = 5 * time.Second // for the query of Resume
)

// ErrNoCheckpoints means that there is nowhere to save a checkpoint together with an effect: the job does not beat, or the
// keeper schema has no table of checkpoints.
var ErrNoCheckpoints = errors.New("riverbeat: there is no table of checkpoints for this job: run riverkeeper schema install")

// Checkpoint saves where the job is, as JSON of at most 8 kB, so that the next attempt can Resume from there. The newest value is
// sent with the next beat, and nothing is sent where it has not changed: call it after each step. A worker that dies loses what
// it did since its last beat at most; for no loss at all see CheckpointTx.
//
// An error means that the value is no JSON or too large, or that the claim is lost. Outside of a job that beats, and with a
// keeper schema that has no table for it, a value is accepted and kept nowhere.
func Checkpoint(ctx context.Context, value any) error {
	if w, ok := ctx.Value(workKey{}).(*Work); ok {
		return w.Checkpoint(value)
	}
	_, err := encodeCheckpoint(value)
	return err
}

// Checkpoint is the package's Checkpoint for a Work at hand.
func (w *Work) Checkpoint(value any) error {
	text, err := encodeCheckpoint(value)
	if err != nil || w.b == nil {
		return err
	}
	if errors.Is(context.Cause(w.ctx), ErrClaimLost) {
		return ErrClaimLost
	}
	if w.b.lacksCheckpoints() {
		w.b.logMissingCheckpoints()
		return nil
	}
	w.checkpoints.put(text)
	return nil
}

// CheckpointTx saves a checkpoint in the transaction that has the effect: both are there afterwards, or neither is. It locks the
// job, as VerifyClaim does, so call it first and keep the transaction short. ErrClaimLost means: roll back. It replaces a
// Checkpoint that was not sent yet. The login of tx needs the rights of riverkeeper_worker.
func CheckpointTx(ctx context.Context, tx Querier, value any) error {
	if w, ok := ctx.Value(workKey{}).(*Work); ok {
		return w.CheckpointTx(ctx, tx, value)
	}
	return ErrNoCheckpoints
}

// CheckpointTx is the package's CheckpointTx for a Work at hand.
func (w *Work) CheckpointTx(ctx context.Context, tx Querier, value any) error {
	text, err := encodeCheckpoint(value)
	if err != nil {
		return err
	}
	if w.b == nil || w.b.lacksCheckpoints() {
		return ErrNoCheckpoints
	}
	arguments := claimArgument(w.claim)
	arguments["number"], arguments["val"] = w.checkpoints.numberInTransaction(), text
	var held int
	err = tx.QueryRow(ctx, statement("sql/checkpoint_tx", w.b.RiverSchema, w.b.KeeperSchema), named(arguments)...).Scan(&held)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrClaimLost
	}
	return err
}

// Resume reads the job's newest checkpoint into value, a pointer, whichever attempt saved it; false where there is none. Where
// it returns an error, return it from the job: what earlier attempts did is not known.
func Resume(ctx context.Context, value any) (found bool, err error) {
	if w, ok := ctx.Value(workKey{}).(*Work); ok {
		return w.Resume(ctx, value)
	}
	return false, nil
}

// Resume is the package's Resume for a Work at hand.
func (w *Work) Resume(ctx context.Context, value any) (found bool, err error) {
	if w.b == nil || w.b.Metadata {
		return false, nil
	}
	text, err := w.b.readCheckpoint(ctx, claimArgument(w.claim))
	if err != nil || text == nil {
		return false, err
	}
	return true, json.Unmarshal([]byte(*text), value)
}

func (b *Beater) readCheckpoint(ctx context.Context, claim map[string]any) (text *string, err error) {
	lost, missing := false, false
	err = b.connection.use(ctx, resumeTimeout, func(ctx context.Context, conn *pgx.Conn) error {
		sql, err := b.checkedStatements(ctx, conn)
		if missing = err == nil && b.lacksCheckpoints(); err != nil || missing {
			return err
		}
		err = queryRow(ctx, conn, sql.resume, claim, &text, nil, nil)
		if lost = errors.Is(err, pgx.ErrNoRows); lost {
			return nil
		}
		return err
	})
	switch {
	case lost:
		return nil, ErrClaimLost
	case missing, isMissing(err):
		b.logMissingCheckpoints() // nothing can have been saved
		return nil, nil
	}
	return text, err
}

// encodeCheckpoint is the value as JSON in ASCII: no encoding of a database refuses it.
func encodeCheckpoint(value any) (string, error) {
	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "", fmt.Errorf("riverbeat: a checkpoint must be JSON: %w", err)
	}
	text := inASCII(bytes.TrimSuffix(encoded.Bytes(), []byte("\n")))
	if hasLoneSurrogate(text) {
		return "", errors.New("riverbeat: a checkpoint must be JSON: a lone surrogate is no text")
	}
	if len(text) > longestCheckpoint {
		return "", fmt.Errorf("riverbeat: a checkpoint takes at most %d bytes of JSON, and this one has %d", longestCheckpoint, len(text))
	}
	return text, nil
}

func inASCII(text []byte) string {
	var ascii []byte
	for _, r := range string(text) {
		switch {
		case r < utf8.RuneSelf:
			ascii = append(ascii, byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			ascii = fmt.Appendf(ascii, `\u%04x\u%04x`, high, low)
		default:
			ascii = fmt.Appendf(ascii, `\u%04x`, r)
		}
	}
	return string(ascii)
}

// hasLoneSurrogate finds an escape that a json.RawMessage may have. Other languages could not read it.
func hasLoneSurrogate(text string) bool {
	wantsLow := false
	for i := 0; i < len(text); i++ {
		isEscape := text[i] == '\\'
		unit := uint64(0)
		if isEscape && text[i+1] == 'u' {
			unit, _ = strconv.ParseUint(text[i+2:i+6], 16, 32)
		}
		isLow := unit >= 0xdc00 && unit <= 0xdfff
		if isLow != wantsLow {
			return true
		}
		wantsLow = unit >= 0xd800 && unit <= 0xdbff
		if unit != 0 {
			i += 5
		} else if isEscape {
			i++
		}
	}
	return wantsLow
}

// checkpoints are the newest checkpoint of a claim, and what is known to be saved. Its lock is not the Beater's.
type checkpoints struct {
	mu            sync.Mutex
	number        int64   // of the newest value of this claim
	newest        *string // nil: none, or one that a transaction of the job has written
	saved         *string // nil: not known
	inTransaction int64   // number of the newest value that a transaction of the job has written
	answered      chan struct{}
}

func (c *checkpoints) put(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.number++
	c.newest = &text
}

// numberInTransaction is the number of a value that the job's own transaction writes. It replaces one that was not sent yet.
func (c *checkpoints) numberInTransaction() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.number++
	c.inTransaction, c.newest, c.saved = c.number, nil, nil
	return c.number
}

// pending returns what has to be sent; nil where nothing has changed.
func (c *checkpoints) pending() (number int64, text *string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.newest == nil || c.saved != nil && *c.newest == *c.saved {
		return 0, nil
	}
	return c.number, c.newest
}

// markSent comes before the statement: its answer may get lost although the value is saved.
func (c *checkpoints) markSent() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.saved = nil
}

// recordAnswer: the value need not be sent again; a refused one is refused for good.
func (c *checkpoints) recordAnswer(number int64, text *string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if number > c.inTransaction {
		c.saved = text
	}
	if c.answered != nil {
		close(c.answered)
		c.answered = nil
	}
}

// nextAnswer is closed when the database has answered the next time.
func (c *checkpoints) nextAnswer() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answered == nil {
		c.answered = make(chan struct{})
	}
	return c.answered
}
