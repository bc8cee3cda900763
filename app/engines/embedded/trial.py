"""A version tried out before it is taken: tokenizer, weights, adapter, as a lane would load them, then let go."""

from app.catalog.catalog import ModelVersion
from app.engines.embedded.codec import Codec
from app.engines.embedded.lora import Adapters
from app.engines.embedded.weights import load_network, pick_device
from app.settings import Settings


def try_out(version: ModelVersion, settings: Settings) -> None:
    """Raises Unavailable with the reason why it would not serve."""
    Codec(version)
    network = load_network(version.base or version, pick_device(settings))
    if version.base is not None:
        Adapters(network).load(version)
