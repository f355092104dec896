"""Readers of what others write: their Avro and their Protobuf, converted by their own schemas."""
