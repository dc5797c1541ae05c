"""Plugins: how they come in, what is checked at the door, and what they brought.

A PluginHost owns its pluggy manager: there is no module state, and two hosts never meet. What the user names must be
right, or it is an error; what merely happens to be installed must not stop anyone, so its reason for staying out is
recorded and told once one of its strategies is asked for.
"""

from __future__ import annotations

from foretaste.plugins._host import PluginHost, PluginReport
from foretaste.plugins._load import load_plugins
from foretaste.plugins._words import said, type_of

__all__ = ["PluginHost", "PluginReport", "load_plugins", "said", "type_of"]
