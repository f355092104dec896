"""Role `score`: which versions are scored, and their paired losses."""
