"""A recorded file through the real loop: what driftloop would have done with it, and what that was worth."""
