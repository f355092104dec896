"""What touches the world: Kafka, Faust, the web."""
