"""What a person declares about a model: its spec, and the policy that decides for it."""
