"""What the two sides of a comparison are called in its sentences: by what they are, or by name where both are the same."""

from dataclasses import dataclass

from app.benchmarks.arms import ArmResult, Kind

BASELINE = "the classical baseline"
_KINDS: dict[Kind, str] = {"custom": "the custom model", "general": "the general model", "baseline": BASELINE}


@dataclass(frozen=True)
class Called:
    """`custom`: the side that stands where the custom model does, whatever it is; `general`: the other."""

    custom: str
    general: str

    @classmethod
    def of(cls, custom: ArmResult, general: ArmResult) -> "Called":
        if custom.kind == general.kind:
            return cls(custom.arm, general.arm)
        return cls(_KINDS[custom.kind], _KINDS[general.kind])


def with_name(called: str, arm: str) -> str:
    """the custom model (claims)"""
    return called if called == arm else f"{called} ({arm})"


def opening(called: str) -> str:
    """As a sentence begins with it; a name is left as it is."""
    return called.capitalize() if called.startswith("the ") else called
