"""How a challenger is proven, and a champion watched after its promotion."""
