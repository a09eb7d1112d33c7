package pgtest

import (
	"context"
	"fmt"
	"testing"
)

// World is a server with a prepared template database.
type World struct {
	*Server
	template string
}

// Main starts a server, prepares its template database, sets *world and runs the tests of a package.
func Main(m *testing.M, world **World, prepare func(ctx context.Context, url string) error) int {
	server, err := Start()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer server.Stop()
	template, err := server.Template(prepare)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	*world = &World{server, template}
	return m.Run()
}

// Fresh returns the URL of a database of the test's own: a copy of the template.
func (w *World) Fresh(tb testing.TB) string {
	tb.Helper()
	return w.Database(tb, w.template)
}
