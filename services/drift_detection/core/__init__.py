"""Detection itself: pure, and a function of frames, specs and profiles alone."""
