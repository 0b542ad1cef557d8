#!/usr/bin/env bash
# The tests: in parallel what can be, then one line a reader can trust.
set -uo pipefail
cd "$(dirname "$0")/.."
workers="${WORKERS:-4}"
# servers, jobs and commands start as processes by the hundred: what is compiled once is kept for the next
unset PYTHONDONTWRITEBYTECODE
# on a new machine that is done by one process, beside the type checker, and not by each worker for itself
[ -d tests/unit/__pycache__ ] || .venv/bin/python -m pytest -q --collect-only -p no:cacheprovider >/dev/null 2>&1
# files in the order of their folders: the long ones of browsers and servers come early, the short ones fill the end
.venv/bin/python -m pytest -q -n "$workers" --dist loadfile --no-loadscope-reorder -p no:cacheprovider --durations=15 "$@"
