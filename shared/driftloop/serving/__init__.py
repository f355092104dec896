"""What a model server uses: publish outcomes, follow the champion, split traffic.

`from driftloop.serving import OutcomePublisher, ChampionWatcher, TrafficRouter`
"""
