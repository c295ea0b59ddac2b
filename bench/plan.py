"""What a seed decides: the questions with what befalls their reader and their model, and all other faults.

Pure: the same seed and counts give the same plan, whatever the machine.
"""

from dataclasses import dataclass
from random import Random

from standin import Cut, EndWithoutStop, ErrorEvent, Garbage, Step
from story import tale

# What a model's stream may end with before its time, by the name that the table has.
SPOILS: dict[str, Step] = {
    "model cut": Cut(b"event: content_bl"),
    "model reset": Cut(reset=True),
    "model overloaded": ErrorEvent("overloaded_error"),
    "model garbage": Garbage(),
    "model without an end": EndWithoutStop(),
}
REFUSALS = (429, 500, 529)
PAUSES_S = (0.005, 0.04)
AWAY_S = (1.0, 8.0)
# How long each fault lasts, if it does. Frozen past the lease, a process loses what it holds; past what a
# reply may take, Redis loses its connections.
FAULTS = {
    "worker killed": (0.0, 0.0),
    "worker stopped": (0.0, 0.0),
    "worker frozen": (1.5, 4.0),
    "web killed": (0.0, 0.0),
    "web stopped": (0.0, 0.0),
    "web reloaded": (0.0, 0.0),
    "web frozen": (1.5, 4.0),
    "redis killed": (0.0, 3.0),
    "redis frozen": (0.5, 5.0),
    "redis hangs up": (0.0, 0.0),
    "redis pub/sub hangs up": (0.0, 0.0),
    "redis replies lost": (0.0, 0.0),
}
SLOTS = 2


@dataclass(frozen=True)
class Question:
    """One question and what is to befall it.

    :param at_s: when it is asked, from the start
    :param pause_s: between the model's tokens
    :param repeats: how many words the model says again when it goes on
    :param refusals: what the first requests to the model get in place of a stream
    :param spoils: what the streams after them end with, and after which part of what they would say
    :param cuts: after how many raw bytes the reader's first connections are cut
    :param away_s: how long the reader stays away after each of these, beyond what EventSource waits
    """

    number: int
    at_s: float
    sentences: int
    pause_s: float
    repeats: int
    refusals: tuple[int, ...]
    spoils: tuple[tuple[str, float], ...]
    cuts: tuple[int, ...]
    away_s: float

    @property
    def prompt(self) -> str:
        return f"Tell tale {self.number}."

    @property
    def truth(self) -> str:
        # JavaScript counts each of the last two characters as two, and so does a rewind.
        return tale(self.sentences, f"{self.number} 👍🏽")


@dataclass(frozen=True)
class Fault:
    """A fault of a process or of its connections.

    :param name: one of `FAULTS`
    :param slot: which of the processes of its kind
    :param lasts_s: how long, where it is one that lasts
    """

    at_s: float
    name: str
    slot: int
    lasts_s: float


def questions(seed: int, count: int, within_s: float, longest: int) -> list[Question]:
    """Return the questions in the order in which they are asked.

    :param longest: how many sentences the longest answer may have
    """
    return [_question(Random(f"{seed} {n}"), n, within_s * n / count, longest) for n in range(count)]


def faults(seed: int, count: int, within_s: float) -> list[Fault]:
    """Return the faults in their order; each kind is as frequent as any other."""
    dice = Random(f"{seed} faults")
    deck: list[str] = []
    while len(deck) < count:
        deck += dice.sample([*FAULTS], len(FAULTS))
    # One falls into each equal part of the time, so that they neither bunch nor leave it quiet.
    return [
        Fault(
            within_s * (n + dice.random()) / count,
            name,
            dice.randrange(SLOTS),
            dice.uniform(*FAULTS[name]),
        )
        for n, name in enumerate(deck[:count])
    ]


def _question(dice: Random, number: int, at_s: float, longest: int) -> Question:
    return Question(
        number,
        at_s,
        # Most are short and some are long.
        sentences=int(longest ** dice.random()),
        pause_s=dice.uniform(*PAUSES_S),
        repeats=dice.choice((0, 0, 3)),
        refusals=tuple(dice.choices(REFUSALS, k=_times(dice, 0.1))),
        spoils=tuple((dice.choice([*SPOILS]), dice.random()) for _ in range(_times(dice, 0.2))),
        cuts=tuple(int(10 ** dice.uniform(0, 4)) for _ in range(_times(dice, 0.5))),
        away_s=dice.choice((0.0, dice.uniform(*AWAY_S))),
    )


def _times(dice: Random, chance: float) -> int:
    """Return how often in a row a chance comes true, at most three times."""
    return next((n for n in range(3) if dice.random() > chance), 3)
