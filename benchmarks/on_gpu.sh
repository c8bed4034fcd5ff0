#!/usr/bin/env bash
# Everything that only an NVIDIA card can answer, in at most SECONDS (240) and without a network or an installed package.
# Needs Python 3.10 or newer with torch for CUDA and the package's own dependencies; see `--help` for what it does.
set -u
cd "$(dirname "$0")/.."
seconds=${SECONDS_LEFT:-240}
PYTHONPATH="$PWD/src${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1 \
    exec timeout $((seconds + 20)) python3 -m benchmarks.on_gpu --seconds "$seconds" "$@"
