#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 10,000,000 scopes and 10 GB of blobs in less than 64 MiB of memory.
set -eu
here=$(dirname "$0")/../recording
exec "$here/large.sh" "$TAPE_BUILD/tests/recording/large" 10000000 9600
