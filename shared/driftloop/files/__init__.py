"""Tables that people have: whatever the separator, encoding, packing or format, one `open_table` reads it.

Why a room of its own: a replay, a backtest, a golden set and a watched file must read the same file
alike. Why DuckDB reads delimited text and JSON: it is fast, strict and says where a file is broken. What
it is told (separator, quote, header) is found out here, so that it never guesses.

Promised: a file that cannot be read is one `UserError`, and no sentence ever holds a value of the file.
"""
