"""Planning: what a change to what is declared would do, before it does it."""
