#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""suite-targets.py BUILDDIR SUITE: the files that the tests of a suite need built, for ninja."""
import json
import os
import subprocess
import sys

build, suite = sys.argv[1:]


def introspect(what):
    return json.loads(subprocess.check_output(["meson", "introspect", build, what]))


files = {target["id"]: target["filename"] for target in introspect("--targets")}
tests = [test for test in introspect("--tests")
         if any(name.split(":")[-1] == suite for name in test["suite"])]
if not tests:
    sys.exit(f"suite-targets.py: no test is in suite '{suite}'")
wanted = {file for test in tests for target in test["depends"] for file in files[target]}
print(*sorted(os.path.relpath(file, build) for file in wanted))
