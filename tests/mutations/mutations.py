"""Bugs to seed, one at a time."""

from __future__ import annotations

from tests.mutations.asking import ASKING
from tests.mutations.attempts import ATTEMPTS
from tests.mutations.ceilings import CEILINGS
from tests.mutations.commits import COMMITS
from tests.mutations.custody import CUSTODY
from tests.mutations.governance import GOVERNANCE
from tests.mutations.runs import RUNS

MUTATIONS = (*COMMITS, *ATTEMPTS, *RUNS, *GOVERNANCE, *CEILINGS, *ASKING, *CUSTODY)
