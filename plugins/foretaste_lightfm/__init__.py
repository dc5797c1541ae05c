"""Transfer through side features, learnt by LightFM."""

from foretaste import Strategy, hookimpl
from foretaste_lightfm._side_features import SideFeatures

foretaste_api = 1


@hookimpl
def register_strategies() -> list[type[Strategy]]:
    """Return the strategy of side features."""
    return [SideFeatures]
