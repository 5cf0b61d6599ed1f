"""Typed parameters: one dataclass from which forms, options and checks are made.

A plugin writes a frozen dataclass whose fields are made by `param`::

    @dataclass(frozen=True)
    class Params:
        threshold: float = param(0.5, low=0, high=1, step=0.01, impact="display",
                                 help="Hide results below this confidence.")

`describe` turns it into plain `ParamSpec` values, `build` makes an instance
from loose values (JSON, ``--param k=v``) and says which one is wrong.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from visionstudio.model.errors import InvalidValue

Impact = Literal["display", "predict", "train"]
Value = bool | int | float | str | None
ParamKind = Literal["bool", "int", "float", "str", "choice"]
P = TypeVar("P")

_KEY = "visionstudio.param"


@dataclass(frozen=True, slots=True)
class ParamSpec:
    """One parameter as plain data.

    `low`, `high` are inclusive bounds and `step` a sensible increment, in `unit`.
    `impact` says what a change costs: 'display' is free, 'predict' needs a new
    prediction, 'train' a new training. `zero` is what a form shows for 0 where
    that has a meaning of its own, such as 'automatic'. `when` names other parameters
    and those of their values with which this one counts; forms show it only then.
    A text with a `file` pattern, such as '*.onnx', is a path that forms offer to choose.
    `choice_titles` are what forms show for the choices, in their order, where the bare
    choices do not say enough.
    """

    name: str
    kind: ParamKind
    default: Value
    title: str = ""
    help: str = ""
    low: float | None = None
    high: float | None = None
    step: float | None = None
    unit: str = ""
    choices: tuple[str, ...] = ()
    optional: bool = False
    impact: Impact = "predict"
    advanced: bool = False
    zero: str = ""
    group: str = ""
    when: tuple[tuple[str, tuple[Value, ...]], ...] = ()
    file: str = ""
    choice_titles: tuple[str, ...] = ()

    def counts(self, values: Mapping[str, Value]) -> bool:
        """Whether the parameter has any effect beside these values of the others."""
        return all(values.get(name) in allowed for name, allowed in self.when)


def param(
    default: Any,
    *,
    title: str = "",
    help: str = "",
    low: float | None = None,
    high: float | None = None,
    step: float | None = None,
    unit: str = "",
    choices: tuple[str, ...] = (),
    impact: Impact = "predict",
    advanced: bool = False,
    zero: str = "",
    group: str = "",
    when: Mapping[str, tuple[Value, ...]] | None = None,
    file: str = "",
    choice_titles: tuple[str, ...] = (),
) -> Any:
    """A dataclass field that carries its bounds, unit and help; see `ParamSpec`."""
    extra = {
        "title": title,
        "help": help,
        "low": low,
        "high": high,
        "step": step,
        "unit": unit,
        "choices": choices,
        "impact": impact,
        "advanced": advanced,
        "zero": zero,
        "group": group,
        "when": tuple((when or {}).items()),
        "file": file,
        "choice_titles": choice_titles,
    }
    return field(default=default, metadata={_KEY: extra})


def describe(params: type) -> tuple[ParamSpec, ...]:
    """The parameters of a dataclass in the order they are written.

    Raises InvalidValue for a field of an unsupported type, without a default,
    whose default breaks its own bounds, or that counts with what cannot be.
    """
    if not dataclasses.is_dataclass(params):
        raise InvalidValue(f"parameters are a dataclass, got {params!r}")
    hints = typing.get_type_hints(params)
    specs = []
    for item in dataclasses.fields(params):
        if item.default is dataclasses.MISSING:
            raise InvalidValue(f"parameter '{item.name}' needs a default")
        extra = dict(item.metadata.get(_KEY, {}))
        kind, optional = _kind_of(item.name, hints[item.name], bool(extra.get("choices")))
        if not extra.get("title"):
            extra["title"] = item.name.replace("_", " ").capitalize()
        spec = ParamSpec(
            name=item.name, kind=kind, default=item.default, optional=optional, **extra
        )
        if spec.choice_titles and len(spec.choice_titles) != len(spec.choices):
            raise InvalidValue(f"parameter '{item.name}' needs a title for each choice")
        specs.append(dataclasses.replace(spec, default=check(spec, item.default)))
    by_name = {s.name: s for s in specs}
    for spec in specs:
        for other, allowed in spec.when:
            if other not in by_name:
                raise InvalidValue(f"parameter '{spec.name}' counts with an unknown '{other}'")
            for value in allowed:
                check(by_name[other], value)
    return tuple(specs)


def _kind_of(name: str, hint: Any, choices: bool) -> tuple[ParamKind, bool]:
    optional = False
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        parts = [a for a in typing.get_args(hint) if a is not type(None)]
        optional = len(parts) < len(typing.get_args(hint))
        if len(parts) == 1:
            hint = parts[0]
    if choices and hint is str:
        return "choice", optional
    kinds: dict[Any, ParamKind] = {bool: "bool", int: "int", float: "float", str: "str"}
    if hint not in kinds:
        raise InvalidValue(f"parameter '{name}' has unsupported type {hint!r}")
    return kinds[hint], optional


def check(spec: ParamSpec, value: Any) -> Value:
    """The value in the parameter's type. Text is parsed. Raises InvalidValue."""
    if value is None or (value == "none" and spec.optional):
        if spec.optional:
            return None
        raise InvalidValue(f"parameter '{spec.name}' needs a value")
    try:
        return _convert(spec, value)
    except (TypeError, ValueError) as error:
        if isinstance(error, InvalidValue):
            raise
        raise InvalidValue(
            f"parameter '{spec.name}' is of type {spec.kind}, got {value!r}"
        ) from None


def _convert(spec: ParamSpec, value: Any) -> Value:
    match spec.kind:
        case "bool":
            return _as_bool(value)
        case "str":
            return str(value)
        case "choice":
            if value not in spec.choices:
                raise InvalidValue(
                    f"parameter '{spec.name}' is one of {', '.join(spec.choices)}, got {value!r}"
                )
            return str(value)
        case "int":
            if isinstance(value, float) and not value.is_integer():
                raise ValueError(value)
            number: int | float = int(value)
        case "float":
            number = float(value)
    if number != number or number in (float("inf"), float("-inf")):
        raise ValueError(value)
    if spec.low is not None and number < spec.low:
        raise InvalidValue(f"parameter '{spec.name}' is at least {spec.low:g}, got {number:g}")
    if spec.high is not None and number > spec.high:
        raise InvalidValue(f"parameter '{spec.name}' is at most {spec.high:g}, got {number:g}")
    return number


def _as_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = {"1": True, "true": True, "yes": True, "on": True}
    words |= {"0": False, "false": False, "no": False, "off": False}
    text = str(value).strip().lower()
    if text not in words:
        raise ValueError(value)
    return words[text]


def validate(specs: tuple[ParamSpec, ...], values: Mapping[str, Any]) -> dict[str, Value]:
    """All parameters with defaults filled in. Raises InvalidValue, also for unknown names."""
    known = {s.name: s for s in specs}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise InvalidValue(
            f"unknown parameter '{unknown[0]}'",
            next_step=f"known are: {', '.join(known) or 'none'}",
        )
    return {n: check(s, values[n]) if n in values else s.default for n, s in known.items()}


def build(params: type[P], values: Mapping[str, Any]) -> P:
    """An instance of a parameter dataclass from loose values."""
    return params(**validate(describe(params), values))
