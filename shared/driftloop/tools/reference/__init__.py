"""The reference pages of the documentation, made from the code and checked for freshness."""
