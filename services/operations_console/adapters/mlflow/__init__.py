"""MLflow's registry and tracking, over plain REST: its own client would bring a hundred packages along."""
