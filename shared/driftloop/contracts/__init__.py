"""The messages on the log, frozen: one module a topic.

JSON Schema and Avro in `schemas/` are generated from these classes (`driftloop schemas write`);
`driftloop.contracts.topics` is the map of who writes and who reads what.
"""
