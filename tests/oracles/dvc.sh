#!/usr/bin/env bash
# Installs the two versions of DVC that tests/cli/import_dvc.rs makes projects with: the newest, and
# the last but one of series 2 with what it can still be run with.
set -euo pipefail
cd "$(dirname "$0")/../.."

install() {
    local folder=$1
    shift
    [ -x "$folder/bin/dvc" ] && return
    python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check "$@"
}

install target/dvc-venv dvc
install target/dvc2-venv 'dvc==2.58.2' 'pathspec<0.13' 'scmrepo<2' 'dulwich<0.22' 'fsspec<2024' 'asyncssh<2.15'
