"""The pure core: evidence and history in, decisions and events out."""
