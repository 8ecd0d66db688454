"""`python -m podium.cli`, for where the script is not on the path."""

from __future__ import annotations

import sys

from podium.cli.app import main

sys.exit(main())
