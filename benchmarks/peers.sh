#!/usr/bin/env bash
# The programs that benchmarks/peers.py compares with, at pinned versions, beside those of tests/e2e/tools.sh. Needs Go.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export RIVERKEEPER_TOOLS=${RIVERKEEPER_TOOLS:-$HERE/tests/e2e/.tools}
RIVER_UI=0.22.0
POSTGRES_EXPORTER=0.17.1   # the newest that the Go proxy builds by its exact version

bash "$HERE/tests/e2e/tools.sh" fleet
[ -x "$RIVERKEEPER_TOOLS/riverui-$RIVER_UI" ] || {
    GOBIN=$RIVERKEEPER_TOOLS nice go install -trimpath "riverqueue.com/riverui/cmd/riverui@v$RIVER_UI"
    mv "$RIVERKEEPER_TOOLS/riverui" "$RIVERKEEPER_TOOLS/riverui-$RIVER_UI"
}
# By a module of its own: the proxy has no list of versions, which `go install` asks for.
[ -x "$RIVERKEEPER_TOOLS/postgres_exporter-$POSTGRES_EXPORTER" ] || {
    module=$(mktemp -d)
    (cd "$module" && go mod init throwaway && go get "github.com/prometheus-community/postgres_exporter/cmd/postgres_exporter@v$POSTGRES_EXPORTER" &&
        nice go build -trimpath -o "$RIVERKEEPER_TOOLS/postgres_exporter-$POSTGRES_EXPORTER" \
            github.com/prometheus-community/postgres_exporter/cmd/postgres_exporter) >/dev/null 2>&1
    rm -rf "$module"
}
