"""How work reaches an agent."""
