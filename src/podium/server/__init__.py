"""The hub over HTTP: API, identity, live streams, console. Started by `podium up`."""
