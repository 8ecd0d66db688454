"""For Python users."""
