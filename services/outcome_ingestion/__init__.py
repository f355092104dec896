"""Outcome ingestion: validated rows, each once, as columns; their archive; and records of others, translated.

Role `ingest` (group `outcome_ingestion`)
    consumes    prediction-outcomes, prediction-labels (co-partitioned), table model-specs
    produces    outcome-frames, prediction-outcomes-dlq
    keyed by    prediction_id (entity, where the truth comes as values of a series) → model_id
    guarantees  A row counts once a model: a repeated prediction id within the newest
                `remembered_rows` of its partition is dropped and counted. A label joins its row
                whichever comes first; a later one corrects it, within the newest `correctable_rows`
                of the partition. A row that is wrong is buried with its reason, once. Rows of a model
                keep their order of arrival. None of that depends on how records are batched.
    state       keyed: per batch and model the ids seen, rows that may still be labelled or corrected,
                labels that wait for their row, values of series (see `core/memory.py`)

Role `archive` (group `outcome_archive`)
    consumes    outcome-frames
    produces    the Delta table at `archive_uri`, partitioned by model and day
    guarantees  A labelled row stands in the table once; a correction replaces its label there.
                Appends carry the frame offset in Delta's own transaction log, so that a batch done
                again after a crash changes nothing.
    state       none but the table

Role `translate` (group `outcome_translate-<source>`, one process a declared source)
    consumes    the topics of the source, table model-sources
    produces    prediction-outcomes, prediction-labels, prediction-halves, prediction-outcomes-dlq
    keyed by    prediction_id; halves by source and request id
    guarantees  A record becomes the same messages whenever it is read. What it cannot become is buried
                with the path that says why. No record is an error of the service.
    state       none

Role `pair` (group `outcome_pairing`)
    consumes    prediction-halves
    produces    prediction-outcomes, prediction-outcomes-dlq
    keyed by    source and request id → prediction_id
    guarantees  A request and its response become outcomes, whichever comes first. After `pair_wait_seconds`
                (by the records' times) a request alone is dropped and counted, a response alone is buried.
    state       keyed: the halves that wait

A record with many rows (columnar JSON, Arrow) of which some are wrong: the good rows go on, and the
record is buried with the first wrong row named. Playing it again is safe, its good rows are known.
"""
