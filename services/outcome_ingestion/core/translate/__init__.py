"""Somebody else's records become outcomes and labels: framing, encoding, envelope, server, paths, one step a module."""
