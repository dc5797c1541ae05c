"""Recommenders on disk: a manifest and arrays, no pickle; they load without training data, packages or plugins."""

from foretaste.bundle._manifest import FORMAT_VERSION, Contents, Manifest, read_manifest
from foretaste.bundle._read import load_bundle
from foretaste.bundle._write import save_bundle

__all__ = ["FORMAT_VERSION", "Contents", "Manifest", "load_bundle", "read_manifest", "save_bundle"]
