"""Does retraining pay? The rule of the `default` policy, its books and what it is fed with."""
