"""The quick way: records of a known shape are read by one compiled loop, all others by the usual way."""
