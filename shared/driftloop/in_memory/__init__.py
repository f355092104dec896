"""The log and the loop without Kafka: backtest, verify and unit tests run the services' own cores on it."""
