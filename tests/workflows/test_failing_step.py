"""A step that keeps failing is told with its error, how often, and since when."""

from closure.lifecycle import Stage
from closure.messages import StatusDocument
from tests.harness.fakes.platform import SourceDown, Weather
from tests.harness.installation import InstallationBuilder


async def test_status_names_the_step_that_keeps_failing_until_it_does_not(
    installations: InstallationBuilder,
) -> None:
    weather = Weather()
    is_broken = True

    async def fail() -> None:
        if is_broken:
            weather.after_stop = fail
            raise SourceDown("the platform")

    async with installations.open(platforms=weather.over) as installation:
        account = await installation.account()
        await account.ready()
        weather.after_stop = fail
        confirmed = await account.confirm()

        def fails_again(document: StatusDocument) -> bool:
            return document.waiting_for is not None and document.waiting_for.attempts >= 2

        document = await account.until(fails_again)
        waiting = document.waiting_for
        assert waiting is not None
        assert (waiting.reason, document.stage) == ("failing", Stage.ENTERING)
        assert waiting.detail == "enter: SourceDown"
        assert waiting.since is not None
        assert confirmed.confirmed_at is not None
        assert confirmed.confirmed_at <= waiting.since <= await account.now()
        is_broken = False
        repaired = await account.until(lambda found: found.waiting_for is None)
        assert repaired.confirmed_at == confirmed.confirmed_at
        await account.handle.terminate()
