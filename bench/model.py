"""The model: tells each question its tale, and fails as the plan says."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from plan import SPOILS, Question
from standin import Body, StandIn, Status, Step, Steps, prompt
from story import telling

SOON = {"retry-after-ms": "50"}


class Model(StandIn):
    """The stand-in, knowing the questions.

    :ivar made: how often each fault was made
    """

    def __init__(self, questions: Iterable[Question]) -> None:
        super().__init__()
        self.made: Counter[str] = Counter()
        scripts = {question.prompt: self._telling(question) for question in questions}
        self.answer("", lambda body: scripts[prompt(body)](body))

    def _telling(self, question: Question) -> Callable[[Body], Steps]:
        tell = telling(question.truth, repeats=question.repeats, pause_s=question.pause_s)
        refusals, spoils = iter(question.refusals), iter(question.spoils)

        def script(body: Body) -> Steps:
            if status := next(refusals, None):
                return self._refused(status)
            if spoil := next(spoils, None):
                return self._spoilt(list(tell(body)), *spoil)
            return tell(body)

        return script

    def _refused(self, status: int) -> Iterator[Step]:
        self.made[f"model says {status}"] += 1
        yield Status(status, SOON)

    def _spoilt(self, steps: list[Step], name: str, part: float) -> Iterator[Step]:
        yield from steps[: int(part * len(steps))]
        self.made[name] += 1
        yield SPOILS[name]
