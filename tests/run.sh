#!/usr/bin/env bash
# The tests: in parallel what can be, then one line a reader can trust.
set -uo pipefail
cd "$(dirname "$0")/.."
workers="${WORKERS:-2}"
.venv/bin/python -m pytest -q -n "$workers" --dist loadfile -p no:cacheprovider --durations=15 "$@"
