"""Learners: how a version is trained, found by entry point (`driftloop.learners`)."""
