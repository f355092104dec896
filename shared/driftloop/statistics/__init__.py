"""Pure statistics that two services use."""
