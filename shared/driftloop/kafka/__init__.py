"""The only Kafka client code: the transactional loop, its state, dead letters, topics, the embedded broker."""
