"""The transactional loop: one batch, one transaction; its state, dead letters and metrics."""
