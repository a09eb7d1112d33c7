// Package compat runs the contract test with River 0.19, the oldest that is supported.
package compat

import (
	"os"
	"testing"

	"github.com/riverkeeper/riverkeeper/clients/go/compat/suite"
	"github.com/riverkeeper/riverkeeper/clients/go/rivermiddleware"
)

var world *suite.World

func TestMain(m *testing.M) { os.Exit(suite.Main(m, &world)) }

// River 0.19 cannot attach a token.
func TestContract(t *testing.T) { suite.Run(t, world, rivermiddleware.Plain(), false) }
