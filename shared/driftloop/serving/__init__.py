"""What a model server uses: publish outcomes, follow the champion, split traffic.

`from driftloop.serving import OutcomePublisher, ChampionWatcher, TrafficRouter`
"""

from driftloop.kafka.clients.sender import DeliveryError
from driftloop.serving.champion import ChampionWatcher
from driftloop.serving.publisher import OutcomePublisher
from driftloop.serving.router import TrafficRouter
from driftloop.serving.version import Champion

__all__ = ["Champion", "ChampionWatcher", "DeliveryError", "OutcomePublisher", "TrafficRouter"]
