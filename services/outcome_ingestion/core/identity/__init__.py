"""Which prediction ids are known, which come again, and in which partition they belong."""
