"""What a value rests on, told from the log alone: who gave it, from what, and what it cost."""
