"""Where the kernel meets the world."""
