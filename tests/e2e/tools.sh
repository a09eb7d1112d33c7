#!/usr/bin/env bash
# The real programs the end-to-end tests run, each at a pinned version, in one folder; what is there already is left alone.
# RIVERKEEPER_TOOLS puts the folder elsewhere. Nothing is installed into the system, but a browser and a Ruby, and those only in CI.
# `tools.sh fleet` builds the fleet alone, `tools.sh alerts` also Prometheus and Alertmanager.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOOLS=${RIVERKEEPER_TOOLS:-$HERE/.tools}
PROMETHEUS=3.16.0        # as a Go module: v0.316.0
PROMETHEUS_OLD=2         # the oldest major we promise; Debian carries 2.42
ALERTMANAGER=0.31.1      # the newest that the Go proxy builds: later modules lack the files of their UI
PINT=0.80.0

# Two cores: a build must not starve what runs beside it. Appended, so that the flags a machine needs stay.
export GOFLAGS="${GOFLAGS:-$(go env GOFLAGS 2>/dev/null || true)} -p=2" GOBIN=$TOOLS

say() { printf 'tools: %4ds  %s\n' "$SECONDS" "$*"; }

give_up() { say "$*" >&2; exit 1; }

# Debian's own packages exist only there: elsewhere the tests that need them fail and say so, the others run.
without() {
    say "$*" >&2
    [ -z "${CI:-}" ] || exit 1
}

version_of() { "$1" --version 2>&1 | sed -n '1s/.*version \([^ ]*\).*/\1/p'; }

have() { [ -x "$TOOLS/$1" ] && [ "$(version_of "$TOOLS/$1")" = "$2" ]; }

# remove_all_sd drops the cloud service discoveries: we need none, and their modules are most of the build.
build_prometheus() {
    local name=$1
    if have "$name" "$PROMETHEUS"; then say "$name $PROMETHEUS is there"; return; fi
    say "building $name $PROMETHEUS"
    nice go install -trimpath -tags remove_all_sd \
        -ldflags "-s -w -X github.com/prometheus/common/version.Version=$PROMETHEUS" \
        "github.com/prometheus/prometheus/cmd/$name@v0.${PROMETHEUS/./}"
}

build_alertmanager() {
    local name=$1
    if have "$name" "$ALERTMANAGER"; then say "$name $ALERTMANAGER is there"; return; fi
    say "building $name $ALERTMANAGER"
    nice go install -trimpath -ldflags "-s -w -X github.com/prometheus/common/version.Version=$ALERTMANAGER" \
        "github.com/prometheus/alertmanager/cmd/$name@v$ALERTMANAGER"
}

# By a module of its own: the proxy serves exact versions of pint, but not the list that `go install` asks for.
build_pint() {
    local module
    if [ -x "$TOOLS/pint" ] && [ "$("$TOOLS/pint" version 2>/dev/null | sed 's/ .*//')" = "$PINT" ]; then
        say "pint $PINT is there"
        return
    fi
    say "building pint $PINT"
    module=$(mktemp -d)
    (cd "$module" && go mod init throwaway && go get "github.com/cloudflare/pint/cmd/pint@v$PINT" &&
        nice go build -trimpath -ldflags "-s -w -X main.version=$PINT" -o "$TOOLS/pint" \
            github.com/cloudflare/pint/cmd/pint) 2>&1 | tail -n 3
    rm -rf "$module"
    [ -x "$TOOLS/pint" ] || give_up "pint $PINT was not built"
}

# With the newest River and with an old one. Always: the compiler itself knows what changed.
build_fleet() {
    say "building fleet"
    (cd "$HERE/fleet" && nice go build -trimpath -o "$TOOLS/fleet" . &&
        nice go build -trimpath -tags river031 -modfile=river031.mod -o "$TOOLS/fleet-0.31" .)
}

# The Rust client behind the conformance protocol, and River workers in Rust. In two processes at most, as Go above. It takes
# longest, and runs beside what is fetched.
build_rust() {
    say "building the Rust client's programs"
    (cd "$HERE/../../clients/rust" && CARGO_TARGET_DIR=$TOOLS/cargo nice cargo build --quiet --locked --workspace --jobs 2)
    cp "$TOOLS/cargo/debug/riverbeat-conform" "$TOOLS/conform-rust"
    cp "$TOOLS/cargo/debug/riverbeat-fleet" "$TOOLS/fleet-rust"
    say "the Rust client's programs are there"
}

# Package lists may be missing on a fresh machine.
refresh() { apt-cache show "$1" >/dev/null 2>&1 || apt-get update -q >/dev/null; }

# Packages into a folder of their own, which appears only when it is whole. Stale lists name files that are gone.
unpack() {
    local folder=$1 downloads
    shift
    downloads=$(mktemp -d)
    (cd "$downloads" && apt-get download -q "$@" >/dev/null 2>&1) ||
        { apt-get update -q >/dev/null; (cd "$downloads" && apt-get download -q "$@" >/dev/null); }
    rm -rf "$folder" "$folder.part"
    for package in "$downloads"/*.deb; do dpkg -x "$package" "$folder.part"; done
    mv "$folder.part" "$folder"
    rm -rf "$downloads"
}

unpack_prometheus() {
    local binary=$TOOLS/prometheus-old/usr/bin/prometheus
    if [ ! -x "$binary" ]; then
        say "unpacking Debian's prometheus"
        refresh prometheus
        unpack "$TOOLS/prometheus-old" prometheus
    fi
    case $(version_of "$binary") in
        "$PROMETHEUS_OLD".*) say "prometheus $(version_of "$binary") is there" ;;
        *) without "this Debian carries prometheus $(version_of "$binary"), the tests want $PROMETHEUS_OLD.x" ;;
    esac
}

# With its small libraries, which are not on every image; the big ones (libc, libssl) are on all.
unpack_pgbouncer() {
    if [ ! -x "$TOOLS/pgbouncer/usr/sbin/pgbouncer" ]; then
        say "unpacking Debian's pgbouncer"
        refresh pgbouncer
        mapfile -t libraries < <(apt-cache depends pgbouncer | awk '/ Depends: lib(event|c-ares|pam)/ {print $2}')
        unpack "$TOOLS/pgbouncer" pgbouncer "${libraries[@]}"
    fi
    say "pgbouncer is there"
}

# A second server beside the embedded one, where none is installed.
unpack_postgres() {
    local version=15
    if ! compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null && [ ! -d "$TOOLS/postgres/usr" ]; then
        refresh postgresql
        apt-cache show "postgresql-$version" >/dev/null 2>&1 ||
            version=$(apt-cache depends postgresql | awk -F- '/Depends: postgresql-/ {print $2; exit}')
        say "unpacking Debian's PostgreSQL $version"
        unpack "$TOOLS/postgres" "postgresql-$version" libpq5
    fi
    mkdir -p "$TOOLS/postgres"
    say "an older PostgreSQL is there"
}

# Draws the dashboards with Grafana's own components. Built where it lies: node finds packages by where a script is.
build_render() {
    local render=$HERE/render
    if [ ! -d "$render/node_modules" ] || [ "$render/package-lock.json" -nt "$render/node_modules" ]; then
        say "installing Grafana's panel components"
        (cd "$render" && nice npm ci --silent && touch node_modules)
    fi
    if [ -e "$render/dist/index.html" ] && ! find "$render/src" "$render"/*.* -newer "$render/dist/index.html" -print -quit | grep -q .; then
        say "the drawing tool is there"
        return
    fi
    say "building the drawing tool"
    (cd "$render" && nice npm run --silent build)
}

# The JavaScript client's one dependency, and what checks its types.
install_js_client() {
    local client=$HERE/../../clients/js
    if [ ! -d "$client/node_modules" ] || [ "$client/package-lock.json" -nt "$client/node_modules" ]; then
        say "installing what the JavaScript client needs"
        (cd "$client" && nice npm ci --silent --no-audit --no-fund && touch node_modules)
    fi
    say "the JavaScript client is there"
}

# What the plain clients need that is not on every machine. A Ruby is the system's, so only CI installs one.
find_languages() {
    if ! command -v javac >/dev/null; then without "no javac on PATH: the test of the plain client in Java will fail"; fi
    if ruby -rpg -e '' 2>/dev/null; then say "ruby with pg is there"; return; fi
    [ -n "${CI:-}" ] || { without "no ruby with the gem pg: the test of the plain client in Ruby will fail"; return; }
    say "installing Debian's ruby and its pg"
    refresh ruby-pg
    apt-get install -y -q --no-install-recommends ruby ruby-pg >/dev/null
}

unpack_jdbc() {
    if [ ! -e "$TOOLS/jdbc/usr/share/java/postgresql.jar" ]; then
        say "unpacking Debian's JDBC driver"
        refresh libpostgresql-jdbc-java
        unpack "$TOOLS/jdbc" libpostgresql-jdbc-java
    fi
    say "the JDBC driver is there"
}

# The browser that the dashboards are drawn in.
find_browser() {
    local name
    for name in chromium chromium-browser google-chrome; do
        if command -v "$name" >/dev/null; then say "$name is there"; return; fi
    done
    [ -n "${CI:-}" ] || { without "no chromium on PATH: the test that draws the dashboards will fail"; return; }
    say "installing Debian's chromium"
    refresh chromium
    apt-get install -y -q --no-install-recommends chromium >/dev/null
}

command -v go >/dev/null || give_up "the end-to-end tests need Go: it builds the River fleet and Prometheus"
mkdir -p "$TOOLS"
build_fleet
[ "${1:-}" != fleet ] || exit 0
build_prometheus promtool
build_prometheus prometheus
build_alertmanager alertmanager
build_alertmanager amtool
[ "${1:-}" != alerts ] || exit 0
build_pint
if command -v cargo >/dev/null; then
    build_rust &
    rust=$!
else
    without "no cargo here: the tests of the Rust client will fail"
fi
if command -v npm >/dev/null; then
    install_js_client
    build_render
    find_browser
else
    without "no npm here: the tests of the JavaScript client, and those that draw and check the dashboards, will fail"
fi
if command -v apt-get >/dev/null && command -v dpkg >/dev/null; then
    unpack_prometheus
    unpack_pgbouncer
    unpack_postgres
    unpack_jdbc
else
    without "no apt here: the tests with prometheus $PROMETHEUS_OLD.x, pgbouncer and JDBC will fail"
fi
find_languages
[ -z "${rust:-}" ] || wait "$rust" || give_up "the Rust client's programs were not built"
say "ready"
