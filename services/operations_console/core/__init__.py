"""The pure part of the console: the view of the fleet, and what is asked and answered."""
