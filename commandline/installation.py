"""How a command gets at the installation: `starter.py` gives it what opens one."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Protocol

import typer
from temporalio.client import Client

from client.client import ClosureClient
from client.faults import NotAnswered, TakesLonger, TemporalFailed
from closure.languages import ENGLISH, spoken_language
from closure.policy import Policy
from closure.policy_text import PolicyFault
from closure.translations import languages_of
from commandline.database import read_settings
from commandline.next_step import command
from commandline.terminal import Answer, BadInput, Unreachable, outage_advice
from connectors.ports import Platform
from connectors.setting_faults import BrandFault, PlatformFault, SendingFault
from database import DatabaseUnreachable, SchemaMismatch
from records.installation import InstallationMissing
from records.record import Record
from settings import Settings
from temporal.connection import connect


class Installation(Protocol):
    """What commands need of an open installation."""

    @property
    def settings(self) -> Settings: ...

    @property
    def record(self) -> Record: ...

    @property
    def platform(self) -> Platform: ...

    @property
    def policies(self) -> Mapping[str, Policy]: ...

    def client(self, temporal: Client) -> ClosureClient: ...


Opener = Callable[[Settings], AbstractAsyncContextManager[Installation]]
"""Opens what is there and creates nothing."""


@dataclass(frozen=True)
class Connected:
    """An installation with its way in, over a connection to Temporal."""

    installation: Installation
    temporal: Client
    closures: ClosureClient


def on_record(
    context: typer.Context, act: Callable[[Installation], Awaitable[Answer]]
) -> Callable[[], Awaitable[Answer]]:
    """A command's action on the open installation, without Temporal."""

    async def action() -> Answer:
        async with _opened(context) as installation:
            return await act(installation)

    return action


def on_closures(
    context: typer.Context, act: Callable[[Connected], Awaitable[Answer]], *, language: str = ENGLISH
) -> Callable[[], Awaitable[Answer]]:
    """A command's action on closures, by the client, for a reader of `language`."""

    async def action() -> Answer:
        async with _opened(context) as installation:
            require_language(installation, language)
            temporal = await connect(installation.settings)
            closures = installation.client(temporal).in_language(language)
            return await act(Connected(installation, temporal, closures))

    return action


def require_language(installation: Installation, language: str) -> None:
    """Raises `BadInput` for a language that no policy has; English is what there is without any."""
    if language == ENGLISH:
        return  # without a look at the policies, which not every command needs
    known = languages_of(installation.policies.values())
    if spoken_language(known, language) is None:
        raise BadInput(f"--language {language}: no policy has it; there are: {', '.join(sorted(known))}")


def on_server(act: Callable[[Client], Awaitable[Answer]]) -> Callable[[], Awaitable[Answer]]:
    """A command's action on Temporal alone: it works without a database."""

    async def action() -> Answer:
        settings = read_settings()
        with _faults_told(settings):
            return await act(await connect(settings))

    return action


@asynccontextmanager
async def _opened(context: typer.Context) -> AsyncIterator[Installation]:
    opener: Opener = context.obj
    settings = read_settings()
    with _faults_told(settings):
        async with opener(settings) as installation:
            yield installation


@contextmanager
def _faults_told(settings: Settings) -> Iterator[None]:
    """What can go wrong below, in the command line's words.

    Raises:
        BadInput: a policy file or the platform can't be used, or messages can't be sent as the settings are.
        Unreachable: no database, no installation, no server, or no worker that answers.
    """
    try:
        yield
    except (DatabaseUnreachable, SchemaMismatch) as error:
        raise Unreachable(str(error)) from error
    except InstallationMissing as error:
        raise Unreachable(
            f"{error}: `make up` creates one for trying, `python worker.py --migrate` one for production"
        ) from error
    except PolicyFault as fault:
        raise BadInput(f"the policies in {settings.policy_dir} can't be used: {fault}") from fault
    except (SendingFault, BrandFault, PlatformFault) as fault:
        raise BadInput(str(fault)) from fault
    except TemporalFailed as error:
        raise Unreachable(f"{error}; {outage_advice(error.__cause__)}") from error
    except NotAnswered as error:
        raise Unreachable(
            f"{error}; start a worker with `make up` or `python worker.py`, then look: "
            f"{command('status', error.closure_id)}"
        ) from error
    except TakesLonger as error:
        raise Unreachable(f"{error}; look: {command('status', error.account_id)}") from error
