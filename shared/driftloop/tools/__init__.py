"""What people run: the command line and everything behind it. No service imports any of it."""
