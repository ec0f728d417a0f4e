"""What to grade, and on what: from the user's wishes to a list of runs.

A run is one scenario on one platform; several exercises may depend on it. The plan is a small
JSON file, which the pytest plugin reads on every worker.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nestling.errors import UserError
from nestling.labs import Break, Exercise, Lab, all_exercises, find_exercise
from nestling.platforms import PLATFORMS, Platform
from nestling.scenario import Factory

ISA_OF = {"amd": "svm", "intel": "vmx"}
TRACK_OF = {isa: track for track, isa in ISA_OF.items()}
DEFAULT_ON = {"amd": ("tcg", "bochs-svm"), "intel": ("bochs-vmx",)}


@dataclass(frozen=True)
class Run:
    """One scenario on one platform; `model` is the CPU model there, "" for the default.

    `broken` is the name of the mistake in the hypervisor that a guest has to find out.
    """

    scenario: str
    platform: str
    model: str = ""
    broken: str = ""

    @property
    def name(self) -> str:
        """For people, and for pytest."""
        more = ([self.model] if self.model else []) + (
            [f"break {self.broken}"] if self.broken else [])
        return f"{self.scenario} on {self.platform}" + (f" ({', '.join(more)})" if more else "")


@dataclass(frozen=True)
class Plan:
    """Everything that the workers have to know. Paths are absolute."""

    root: Path  # the tree with the labs, the scenarios and the hardware's tables
    build: Path  # where the hypervisor to grade has been built
    seed: int
    runs: tuple[Run, ...]
    tree: Path | None = None  # that is graded, for what students answer in it; None: `root`

    def build_of(self, run: Run) -> Path:
        """Where the hypervisor for a run has been built."""
        return self.build / break_folder(run) if run.broken else self.build

    def write(self, path: Path) -> None:
        """Save the plan."""
        values = {"root": str(self.root), "build": str(self.build), "seed": self.seed,
                  "tree": str(self.tree or ""),
                  "runs": [dataclasses.asdict(run) for run in self.runs]}
        path.write_text(json.dumps(values, indent=1), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Plan:
        """The plan that write() saved."""
        values = json.loads(path.read_text(encoding="utf-8"))
        return cls(Path(values["root"]), Path(values["build"]), values["seed"],
                   tuple(Run(**run) for run in values["runs"]),
                   Path(values["tree"]) if values["tree"] else None)


@dataclass(frozen=True)
class Choice:
    """What the user wants graded: these tracks' exercises, on these platforms."""

    tracks: tuple[str, ...]
    platforms: tuple[Platform, ...]
    exercises: tuple[Exercise, ...]
    known: tuple[Exercise, ...]  # all exercises of the tracks: what the chosen ones may need
    model: str = ""
    on: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # see Factory, by scenario

    def platforms_of(self, exercise: Exercise) -> list[Platform]:
        """The platforms that `exercise` has to pass on, whether or not they are here."""
        isas = {ISA_OF[exercise.track]} if exercise.track in ISA_OF else {"svm", "vmx"}
        return [platform for platform in self.platforms if not platform.isa
                or platform.isa in isas]

    def runs_of(self, exercise: Exercise) -> list[Run]:
        """The runs that `exercise` has to pass, on platforms that are here."""
        return [Run(name, platform.key, self.model_for(name, platform), broken)
                for name in exercise.scenarios for platform in self.platforms_of(exercise)
                if platform.probe().ok and self.is_for(name, platform)
                for broken in ("", *(one.name for one in breaks_of(exercise, platform)))]

    def is_for(self, scenario: str, platform: Platform) -> bool:
        """Is the scenario one for that platform?"""
        return scenario not in self.on or platform.key in self.on[scenario]

    def model_for(self, scenario: str, platform: Platform) -> str:
        """The CPU model for a scenario: its own, else the user's; "" for the default."""
        wish = self.model if self.model in platform.models else ""
        return self.on.get(scenario, {}).get(platform.key, "") or wish

    def runs(self, blocked: Collection[Exercise] = ()) -> tuple[Run, ...]:
        """All runs, each once, in the exercises' order; none for the exercises `blocked`."""
        return tuple(dict.fromkeys(
            run for exercise in self.exercises if exercise not in blocked
            for run in self.runs_of(exercise)))


def choose(labs: Sequence[Lab], track: str = "", on: Sequence[str] = (),
           numbers: Sequence[int] = (), ids: Sequence[str] = (), model: str = "",
           factories: Mapping[str, Factory] | None = None) -> Choice:
    """What to grade. An empty argument means: no wish.

    Args:
        factories: the scenarios; without them each is taken for one for all platforms.

    Raises UserError for what is not there, or what contradicts itself.
    """
    tracks, platforms = _machines(track, on)
    if model and not any(model in platform.models for platform in platforms):
        models = [name for platform in platforms for name in platform.models]
        raise UserError(f"no CPU model {model!r} on {_list(platforms)}; there are: "
                        f"{', '.join(models) or 'none'}")
    missing = [number for number in numbers if number not in {lab.number for lab in labs}]
    if missing:
        raise UserError(f"there is no lab {missing[0]}; there are: "
                        f"{', '.join(str(lab.number) for lab in labs)}")
    known = tuple(exercise for exercise in all_exercises(labs)
                  if exercise.track in (*tracks, "common"))
    for ident in ids:
        if ident not in {exercise.id for exercise in known}:
            find_exercise(labs, ident, tracks[0])  # raises, and tells which there are
    chosen = tuple(exercise for exercise in known
                   if (not numbers or exercise.lab in numbers) and (not ids or exercise.id in ids))
    if not chosen:
        raise UserError("no exercise is in the labs and has the numbers that you chose")
    machines = {name: one.on for name, one in (factories or {}).items() if one.on is not None}
    return Choice(tracks, platforms, chosen, known, model, machines)


def _machines(track: str, on: Sequence[str]) -> tuple[tuple[str, ...], tuple[Platform, ...]]:
    """The tracks and the platforms; each implies the other."""
    for key in on:
        if key not in PLATFORMS:
            raise UserError(f"there is no platform {key!r}; there are: {', '.join(PLATFORMS)}")
    if not on:
        on = DEFAULT_ON[track or "amd"]
    platforms = tuple(PLATFORMS[key] for key in dict.fromkeys(on))
    implied = tuple(name for name, isa in ISA_OF.items()
                    if any(platform.isa == isa for platform in platforms))
    for platform in platforms:
        if track and platform.isa not in ("", ISA_OF[track]):
            other = TRACK_OF[platform.isa]
            raise UserError(f"the platform {platform.key} is a machine of the track {other}, not "
                            f"{track}; for {track} there are: {_list_of(track)}")
    return (track,) if track else implied or ("amd",), platforms


def _list_of(track: str) -> str:
    return _list(platform for platform in PLATFORMS.values()
                 if platform.isa in ("", ISA_OF[track]))


def _list(platforms: Iterable[Platform]) -> str:
    return ", ".join(platform.key for platform in platforms)


def breaks_of(exercise: Exercise, platform: Platform) -> list[Break]:
    """The mistakes in the hypervisor that the exercise's guest has to find out on a platform."""
    return [one for one in exercise.breaks if one.track in (TRACK_OF.get(platform.isa), "common")]


def break_folder(run: Run) -> str:
    """Where in the build the hypervisor with a run's mistake is."""
    return f"breaks/{TRACK_OF[PLATFORMS[run.platform].isa]}/{run.broken}"


def needs_of(exercise: Exercise, exercises: Iterable[Exercise]) -> list[Exercise]:
    """Those of `exercises` that `exercise` needs directly."""
    return [other for other in exercises if other.id in exercise.needs
            and (exercise.track in ("common", other.track) or other.track == "common")]


def breaks_in(choice: Choice, runs: Iterable[Run]) -> dict[str, Break]:
    """The mistakes that `runs` need, by their folders. Raises UserError if two have one name."""
    wanted = {run for run in runs if run.broken}
    found: dict[str, Break] = {}
    for exercise in choice.exercises:
        for run in wanted.intersection(choice.runs_of(exercise)):
            one = next(one for one in breaks_of(exercise, PLATFORMS[run.platform])
                       if one.name == run.broken)
            other = found.setdefault(break_folder(run), one)
            if other != one:
                raise UserError(f"{one.path}: break: the name {one.name} is {other.path}'s already")
    return found


def blocked_by(stubs: Collection[Exercise], exercises: Sequence[Exercise]
               ) -> Mapping[Exercise, Exercise]:
    """Which exercises need, directly or not, one that is still a stub; and that stub.

    They can only run into the stub, so there is no point in running them. A guest that is a stub
    itself does nothing, and can't say so: it is its own obstacle.
    """
    blocked: dict[Exercise, Exercise] = {}
    for exercise in exercises:  # needs come first
        for need in needs_of(exercise, exercises):
            if need in stubs or need in blocked:
                blocked.setdefault(exercise, blocked.get(need, need))
    return {**{stub: stub for stub in stubs if stub.kind == "guest"}, **blocked}
