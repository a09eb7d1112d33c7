#!/usr/bin/env bash
# The real programs of Kubernetes that tests/kubernetes runs, each at a pinned version: an API server, its etcd, and Helm.
# Built from the Go proxy into one folder (RIVERKEEPER_TOOLS puts it elsewhere); what is there already is left alone.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOOLS=${RIVERKEEPER_TOOLS:-$HERE/../e2e/.tools}
KUBERNETES=1.34.4
ETCD=3.6.4               # the release that this Kubernetes requires
HELM=4.3.1

# Two cores: a build must not starve what runs beside it. Appended, so that the flags a machine needs stay.
export GOFLAGS="${GOFLAGS:-$(go env GOFLAGS 2>/dev/null || true)} -p=2"

say() { printf 'tools: %4ds  %s\n' "$SECONDS" "$*"; }

# build NAME VERSION MODULE PACKAGE LDFLAGS: by a module of its own, because `go install` refuses a module with `replace`.
# A file beside the program has its version: none of them prints it in the same way.
build() {
    local name=$1 version=$2 module=$3 package=$4 flags=$5 folder
    if [ -x "$TOOLS/$name" ] && [ -f "$TOOLS/.$name-$version" ]; then say "$name $version is there"; return; fi
    say "building $name $version"
    folder=$(mktemp -d)
    (
        cd "$folder"
        go mod init throwaway
        [ "$name" != kube-apiserver ] || parts_of_kubernetes "$module@v$version" | xargs go mod edit
        go get "$package@v$version"
        nice go build -trimpath -ldflags "-s -w $flags" -o "$TOOLS/$name" "$package"
    ) >"$folder/log" 2>&1 || { tail -n 20 "$folder/log" >&2; exit 1; }
    rm -rf "$folder"
    rm -f "$TOOLS/.$name"-*
    touch "$TOOLS/.$name-$version"
}

# Kubernetes 1.x.y takes its parts from its own folders; published, they are modules of version 0.x.y.
parts_of_kubernetes() {
    local file
    file=$(go mod download -json "$1" | sed -n 's/.*"GoMod": "\(.*\)",*/\1/p')
    sed -n 's|^\t\(k8s.io/[a-z-]*\) => ./staging/.*|\1|p' "$file" | sed "s|.*|-replace=&=&@v0.${KUBERNETES#1.}|"
}

command -v go >/dev/null || { echo "these tests need Go: it builds the API server" >&2; exit 1; }
mkdir -p "$TOOLS"
V=k8s.io/component-base/version
build kube-apiserver "$KUBERNETES" k8s.io/kubernetes k8s.io/kubernetes/cmd/kube-apiserver \
    "-X $V.gitVersion=v$KUBERNETES -X $V.gitMajor=1 -X $V.gitMinor=$(cut -d. -f2 <<<"$KUBERNETES")"
build etcd "$ETCD" go.etcd.io/etcd/server/v3 go.etcd.io/etcd/server/v3 ""
build helm "$HELM" helm.sh/helm/v4 helm.sh/helm/v4/cmd/helm ""
say "ready"
