"""What the tests of the labs share."""

from __future__ import annotations

import pytest
from reference.project import ROOT

from nestling.workshop import Workshop


@pytest.fixture(scope="session", name="built")
def built_fixture(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A workshop, which is built once. Who takes it arranges it."""
    return Workshop(ROOT, tmp_path_factory.mktemp("reference") / "tree")


@pytest.fixture(name="workshop")
def workshop_fixture(built: Workshop) -> Workshop:
    """A workshop with the reference in it."""
    assert not built.arrange().errors
    return built
