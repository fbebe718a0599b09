#!/bin/sh
# Brings mlpipe to .mlpipe/bin, which git ignores; written by `mlpipe ci init`.
#
# MLPIPE_URL     an archive (.tar.gz) or a binary of a release; with it
# MLPIPE_SHA256  its digest, without which nothing is taken
# Write them below, behind `:=`, so that git knows them, or in the job's environment. Without them
# cargo builds this version from crates.io, which takes some minutes: the workflows keep the folder in
# their cache.
set -eu
version='@VERSION@'
: "${MLPIPE_URL:=}" "${MLPIPE_SHA256:=}"
bin="$PWD/.mlpipe/bin"

have() { command -v "$1" >/dev/null 2>&1; }

fail() {
    echo "install-mlpipe: $*" >&2
    exit 1
}

download() {
    case "$MLPIPE_URL" in
    https://*) ;;
    *) fail "MLPIPE_URL must begin with https://" ;;
    esac
    [ -n "$MLPIPE_SHA256" ] || fail "MLPIPE_URL is set, MLPIPE_SHA256 is not: set both"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    curl --fail --silent --show-error --location --proto '=https' --proto-redir '=https' \
        --retry 5 --max-time 300 --output "$work/file" "$MLPIPE_URL"
    echo "$MLPIPE_SHA256  $work/file" | sha256sum --check --quiet - || fail "$MLPIPE_URL has another digest"
    case "$MLPIPE_URL" in
    *.tar.gz | *.tgz)
        tar -xzf "$work/file" -C "$work"
        found=$(find "$work" -type f -name mlpipe | head -n 1)
        [ -n "$found" ] || fail "there is no mlpipe in $MLPIPE_URL"
        ;;
    *) found="$work/file" ;;
    esac
    mkdir -p "$bin"
    install -m 755 "$found" "$bin/mlpipe"
}

build() {
    have cargo || fail "there is no cargo here: set MLPIPE_URL and MLPIPE_SHA256"
    cargo install --quiet --locked --version "$version" --root "$PWD/.mlpipe" mlpipe
}

if [ -n "$MLPIPE_URL" ]; then
    download
elif [ "$("$bin/mlpipe" --version 2>/dev/null)" != "mlpipe $version" ]; then
    build
fi
"$bin/mlpipe" --version
# On GitHub, Gitea and Forgejo the next steps find it then.
if [ -n "${GITHUB_PATH:-}" ]; then
    echo "$bin" >>"$GITHUB_PATH"
fi
