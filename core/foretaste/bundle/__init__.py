"""Recommenders, and what was carried from a source, on disk: a manifest and arrays, no pickle.

Recommenders load without training data, packages or plugins.
"""

from foretaste.bundle._carried import CarriedManifest, SavedCarried, load_carried
from foretaste.bundle._manifest import FORMAT_VERSION, Contents, Manifest, read_manifest
from foretaste.bundle._read import load_bundle
from foretaste.bundle._save_carried import save_carried
from foretaste.bundle._write import save_bundle

__all__ = [
    "FORMAT_VERSION",
    "CarriedManifest",
    "Contents",
    "Manifest",
    "SavedCarried",
    "load_bundle",
    "load_carried",
    "read_manifest",
    "save_bundle",
    "save_carried",
]
