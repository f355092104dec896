"""Executors `ray` and `kubernetes-job`: a run's program on a cluster, by the same folder as executor `command`."""
