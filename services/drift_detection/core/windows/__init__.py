"""Window monitors: the columns of a model's rows against the profile of the version that serves."""
