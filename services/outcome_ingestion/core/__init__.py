"""Pure: bytes and specs in, effects out. No clock, no files, no Kafka, no metrics."""
