"""What others measure the hub by: spans and metrics, made from what was committed, never on its way there."""
