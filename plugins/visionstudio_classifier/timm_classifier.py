"""classifier/timm: any network of timm, by its name."""

from __future__ import annotations

import difflib

import timm
from torch import nn

from visionstudio.api import InvalidValue
from visionstudio_classifier.pretrained import Family, ImageNetClassifier, Look


def _checked(network: str) -> str:
    """A name that timm knows. Raises InvalidValue with names that are like it."""
    if timm.is_model(network):
        return network
    near = difflib.get_close_matches(network, timm.list_models(), 4)
    raise InvalidValue(
        f"timm has no network '{network}'" if network else "timm's networks need a name",
        where="parameter network",
        next_step=f"did you mean {', '.join(near)}?" if near else "give one of timm.list_models()",
    )


def _build(classes: int, network: str) -> nn.Module:
    net: nn.Module = timm.create_model(_checked(network), pretrained=False, num_classes=classes)
    return net


def _look(network: str) -> Look:
    facts = timm.get_pretrained_cfg(_checked(network))
    if facts is None:
        return Look()
    side = int(facts.input_size[1])
    return Look(side, float(facts.crop_pct), tuple(facts.mean), tuple(facts.std))


class TimmClassifier(ImageNetClassifier):
    """The network is a parameter of training, and told by its weights afterwards."""

    def __init__(self) -> None:
        super().__init__(Family("classifier/timm", _build, _look))
