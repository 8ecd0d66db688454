"""The vocabulary: inputs, events, orders, and the lifecycles they drive."""
