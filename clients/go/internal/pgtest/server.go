// Package pgtest gives tests a real Postgres: the one that RIVERBEAT_TEST_DATABASE_URL names, or one of its own.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const ready = 30 * time.Second

// Server is a running Postgres.
type Server struct {
	base    string // URL of its maintenance database
	process *exec.Cmd
	folder  string
}

// Start returns the server of the environment, or a new one with its own data folder.
func Start() (*Server, error) {
	if given := os.Getenv("RIVERBEAT_TEST_DATABASE_URL"); given != "" {
		return &Server{base: given}, nil
	}
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "pgtest")
	if err != nil {
		return nil, err
	}
	s := &Server{folder: folder}
	if err := s.boot(bin); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// binaries finds initdb and postgres: in RIVERKEEPER_PG_BIN, else the newest that is installed.
func binaries() (string, error) {
	if given := os.Getenv("RIVERKEEPER_PG_BIN"); given != "" {
		return given, nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) == 0 {
		return "", errors.New("pgtest: no Postgres: set RIVERBEAT_TEST_DATABASE_URL or RIVERKEEPER_PG_BIN")
	}
	return filepath.Dir(found[len(found)-1]), nil
}

func (s *Server) boot(bin string) error {
	credential, err := s.unprivileged()
	if err != nil {
		return err
	}
	data := filepath.Join(s.folder, "data")
	init := command(credential, filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
	if output, err := init.CombinedOutput(); err != nil {
		return fmt.Errorf("pgtest: initdb: %w: %s", err, output)
	}
	s.process = command(credential, filepath.Join(bin, "postgres"), "-D", data, "-k", s.folder, "-c", "listen_addresses=",
		"-c", "fsync=off", "-c", "max_connections=200", "-c", "logging_collector=off", "-c", "log_min_messages=fatal")
	s.process.Stdout, s.process.Stderr = nil, nil
	if err := s.process.Start(); err != nil {
		return fmt.Errorf("pgtest: postgres: %w", err)
	}
	s.base = "postgres://postgres@/postgres?host=" + url.QueryEscape(s.folder)
	return s.await()
}

// unprivileged is a user that Postgres agrees to run as; it refuses root.
func (s *Server) unprivileged() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return nil, err
	}
	uid, _ := strconv.Atoi(nobody.Uid)
	gid, _ := strconv.Atoi(nobody.Gid)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(s.folder, uid, gid)
}

func command(credential *syscall.Credential, name string, arguments ...string) *exec.Cmd {
	c := exec.Command(name, arguments...)
	c.Dir = os.TempDir()
	c.SysProcAttr = &syscall.SysProcAttr{Credential: credential, Setpgid: true}
	return c
}

func (s *Server) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), ready)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.base)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("pgtest: the server does not answer: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Socket is the folder of the server's Unix socket; empty for a server of the environment.
func (s *Server) Socket() string { return s.folder }

// PID is the postmaster's process id; 0 for a server of the environment.
func (s *Server) PID() int {
	if s.process == nil {
		return 0
	}
	return s.process.Process.Pid
}

// Stop ends a server that Start made.
func (s *Server) Stop() {
	if s.process != nil && s.process.Process != nil {
		_ = s.process.Process.Signal(syscall.SIGINT)
		_ = s.process.Wait()
	}
	if s.folder != "" {
		_ = os.RemoveAll(s.folder)
	}
}
