"""driftloop: watches models in production, retrains them when that pays, proves the result.

Read `driftloop.contracts` first (what is said on the log), then `driftloop.processor`
(what a service's core promises), then the card of the service you are after.
"""
