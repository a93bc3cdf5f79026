#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 10,000,000 scopes compacted in less than 512 MiB of memory; how long a point takes then.
set -eu
exec python3 "$(dirname "$0")/../compact/memory.py" "$TAPE_BUILD" 10000000
