"""One thread of linear algebra a process: more of them, beside one test process a core, only wait for each other.

The libraries look at the environment as they are loaded, so this is imported before anything else. Processes that tests
start inherit it.
"""

from __future__ import annotations

import os

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")
