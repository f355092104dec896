"""Runs the cores again over what the log holds, and compares byte for byte with what they published.

Why it works: cores are pure, ids are derived, evidence is taken in by frame. So the same frames and
specs give the same signals, and the same scores, results and commands the same decisions. Where they
do not, somebody changed the code, a threshold, or the log.
"""
