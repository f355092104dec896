"""What is declared beside models: the sources of their outcomes."""
