"""Action to decision."""
