"""The real Apache Kafka, started from Python alone."""
