#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# System calls stand in format/os*.c only; nothing uses what can't be used safely; the
# libraries do not print, exit or abort. Tests, benches and examples are exempt.
cd "$(dirname "$0")/.." && exec python3 scripts/check_calls.py
