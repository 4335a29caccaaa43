"""``python -m aya_db``."""

from __future__ import annotations

import sys

from aya_db._cli import main

sys.exit(main())
