"""What is neither procedure nor Temporal workflow: servers, store, desk, reports, command line."""

import sys

from motcua import machine

_reason = machine.unable()
if _reason is not None:  # before a module that is missing here ends the program with a traceback
    sys.stderr.write(_reason + "\n")
    sys.exit(2)
