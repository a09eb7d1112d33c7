#!/bin/sh
# Every test of the Go client: the core, the middleware, and the plugin, and the contract with River 0.19, 0.31, 0.39, 0.41 and the
# newest.
# Arguments go to `go test`, as in: ./test.sh -race. RIVERBEAT_LONG=1 takes the whole of the long tests, RIVERBEAT_BENCH=1
# measures. A Postgres is started from /usr/lib/postgresql or $RIVERKEEPER_PG_BIN, unless RIVERBEAT_TEST_DATABASE_URL names
# one (its login must be allowed to create databases and roles).
set -eu
cd "$(dirname "$0")"
export GOFLAGS="${GOFLAGS:--mod=mod}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for module in . rivermiddleware riverplugin compat compat/river031 compat/river039 compat/river041 tests; do
    echo "== $module"
    (cd "$module" && test -z "$(gofmt -l .)" && nice go vet ./... && nice go test -p 2 -timeout 20m "$@" ./...)
done
for version in v0.43.0 v0.48.0 v0.51.2; do # releases between, with the plugin too; 0.44 to 0.47 are not fenced
    echo "== compat/river041 with River $version"
    cp compat/river041/go.sum "$work/$version.sum"
    (cd compat/river041 && sed "s/v0\.41\.0/$version/" go.mod >"$work/$version.mod" &&
        nice go test -modfile="$work/$version.mod" -p 2 -timeout 20m "$@" ./...)
done
