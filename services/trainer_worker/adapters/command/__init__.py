"""Executor `command`: a program that the trainer's settings name trains, and leaves what it made in a folder."""
