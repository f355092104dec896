"""Pages that a person opens: one HTML file, pictures inside it, nothing from the network."""
