"""Floods of made-up values: what they cost the memory of a service, and the models beside."""
