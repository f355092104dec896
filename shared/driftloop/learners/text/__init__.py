"""A small transformer in plain arrays: tokens, encoder, adapters. Only its training loop needs torch."""
