"""The web: routes, pages, events, access."""
