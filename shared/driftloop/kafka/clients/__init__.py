"""Kafka clients outside the loop: senders, readers, followers, and the one place that configures them."""
