"""Recorded outcomes: what driftloop would have found in predictions that somebody else's model made.

The services' own cores run in this process, on the rows of a file; nothing is trained and nothing is served.
"""
