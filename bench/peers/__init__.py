"""One workload on Podium, DBOS, LangGraph and Restate, measured in turns on one machine."""
