#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 2,000 tapes of sessions that go on from each other, also as no recorder would: what is
# superseded, by tape-find and tape-info in every form and by the Python decoder.
exec "$(dirname "$0")/../differential/random_continues.py" --tools "$TAPE_BUILD/cli" --tapes 2000 "$@"
