"""Role `mirror`: what the registry's log says, kept up in a registry of others."""
