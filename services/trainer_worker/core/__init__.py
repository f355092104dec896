"""Pure: requests, frames and reports in, effects out. No clock, no files, no processes, no Kafka."""
