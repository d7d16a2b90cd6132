"""What is neither procedure nor Temporal workflow: servers, store, desk, reports, command line."""

import sys

from motcua import machine

if sys.platform not in machine.SYSTEMS:  # before a module that only they have is missed with a traceback
    sys.exit(machine.problem())
