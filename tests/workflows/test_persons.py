"""The right person: a sign-in is one, whatever its user ids; and a proof opens the door it was given for."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from client import ProofOfIdentity
from closure.acts import ActKind
from closure.errors import RefusalType
from closure.lifecycle import Stage
from closure.messages import IdentityMethod
from closure.pauses import AT_ONCE, FIRST_PAUSE
from closure.policy import Approval, CoolOff, MessageTemplate, MessageTexts, Policy
from connectors.embedded import tables
from records.tables import record_proofs
from tests.harness.account_driver import AccountDriver, refusal
from tests.harness.accounts import load_account
from tests.harness.installation import InstallationBuilder, TestInstallation

TWO_USERS_OF_ONE_PERSON = [
    {"id": "u-1", "role": "main", "email": "ada@one.example", "login": "ada"},
    {"id": "u-2", "role": "main", "email": "ada@two.example", "login": "ada"},
    {"id": "u-3", "role": "main", "email": "bob@one.example", "login": "bob"},
]
EMAIL = IdentityMethod.EMAIL_CODE
FULL_WIDTH = {ord("0") + digit: 0xFF10 + digit for digit in range(10)}


def with_approval(policy: Policy, **changes: object) -> dict[str, Policy]:
    approval = Approval(roles=("main",), balance_above={"default": "100"})
    return {policy.name: policy.model_copy(update={"approval": approval, **changes})}


def with_cool_off(policy: Policy) -> Policy:
    texts = {"en": MessageTexts(email="Again: {changes}", sms="{changes}")}
    return policy.model_copy(
        update={
            "cool_off": CoolOff(duration=timedelta(days=14)),
            "messages": {**policy.messages, MessageTemplate.CONFIRM_AGAIN: texts},
        }
    )


async def plan_hash_of(closing: AccountDriver) -> str:
    plan_hash = (await closing.status()).plan_hash
    assert plan_hash is not None
    return plan_hash


async def change_user(closing: AccountDriver, user_id: str, **values: object) -> None:
    """As the provider's staff do it."""
    user = tables.users
    changing = update(user).where(user.c.account_id == closing.account_id, user.c.id == user_id)
    await closing.installation.database.write(lambda each: each.execute(changing.values(values)))


async def code_for(closing: AccountDriver, *, policy: str | None = None) -> str:
    """What arrives in the owner's mailbox."""
    await closing.closures.challenge(closing.account_id, "u-1", EMAIL, policy=policy)
    (*_, message) = [row for row in await closing.rows(tables.outbox) if row["template"] == "identity_code"]
    found = re.search(r"\b\d{8}\b", str(message["body"]))
    assert found is not None
    return found[0]


async def test_two_users_of_one_sign_in_do_not_approve_each_other(
    installations: InstallationBuilder, policies: dict[str, Policy]
) -> None:
    async with installations.open(policies=with_approval(policies["alibaba-cloud"])) as installation:
        closing = await installation.account(users=TWO_USERS_OF_ONE_PERSON, balance={"cash": "200.00"})
        await closing.ready()
        await closing.approve(await plan_hash_of(closing), actor="u-2")
        assert (await refusal(closing.confirm())).type == RefusalType.APPROVAL_REQUIRED
        await closing.approve(await plan_hash_of(closing), actor="u-3")
        assert (await closing.confirm()).stage is Stage.ENTERING


async def test_who_approved_must_still_have_the_role_at_confirm(
    installations: InstallationBuilder, policies: dict[str, Policy]
) -> None:
    async with installations.open(policies=with_approval(policies["alibaba-cloud"])) as installation:
        closing = await installation.account(users=TWO_USERS_OF_ONE_PERSON, balance={"cash": "200.00"})
        await closing.ready()
        await closing.approve(await plan_hash_of(closing), actor="u-3")
        await change_user(closing, "u-3", role="ram")
        assert (await refusal(closing.confirm())).type == RefusalType.APPROVAL_REQUIRED
        await change_user(closing, "u-3", role="main")
        assert (await closing.confirm()).stage is Stage.ENTERING


async def test_who_approved_must_be_another_person_then_and_at_confirm(
    installations: InstallationBuilder, policies: dict[str, Policy]
) -> None:
    async with installations.open(policies=with_approval(policies["alibaba-cloud"])) as installation:
        closing = await installation.account(users=TWO_USERS_OF_ONE_PERSON, balance={"cash": "200.00"})
        await closing.ready()
        await closing.approve(await plan_hash_of(closing), actor="u-3")
        await closing.approve(await plan_hash_of(closing), actor="u-2")
        await change_user(closing, "u-2", login="bob")  # was Ada's when it approved
        await change_user(closing, "u-3", login="ada")  # is Ada's now
        assert (await refusal(closing.confirm())).type == RefusalType.APPROVAL_REQUIRED


async def test_high_value_counts_all_that_goes_with_the_account(
    installations: InstallationBuilder, policies: dict[str, Policy]
) -> None:
    approval = Approval(roles=("owner",), balance_above={"default": "100"})
    policy = policies["twilio"].model_copy(update={"approval": approval})
    async with installations.open(policies={"twilio": policy}) as installation:
        account: dict[str, object] = {"provider": "twilio", "kind": "upgraded", "currency": "USD"}
        users = [{"id": "u-1", "role": "owner", "email": "o@one.example"}]
        await load_account(
            installation.database,
            {**account, "id": "acct-owner", "users": users, "subaccounts": ["acct-owned"]},
            {**account, "id": "acct-owned", "users": [], "balance": {"cash": "4900.00"}},
        )
        closing = AccountDriver(installation, "acct-owner", "twilio")
        await closing.close(acknowledgements=policy.acknowledgements["upgraded"])
        assert (await refusal(closing.confirm())).type == RefusalType.APPROVAL_REQUIRED


async def test_a_proof_given_to_withdraw_authorises_nothing_else(installation: TestInstallation) -> None:
    closing = await installation.account(balance={"cash": "5.00"})
    lifetime = closing.policy.identity.proof_lifetime
    opening = await closing.prove()
    assert (await closing.close(proof_id=opening)).stage is Stage.BLOCKED
    aged = update(record_proofs).where(record_proofs.c.proof_id == opening)
    past = datetime.now(UTC) - lifetime
    await installation.database.write(lambda each: each.execute(aged.values(created_at=past)))
    given = ProofOfIdentity(proof_id=await closing.prove(door=ActKind.WITHDRAW))
    account = closing.account_id
    for act in (
        closing.closures.renounce(account, "u-1", all=True, accept_risk=True, proof=given),
        closing.closures.renounce(account, "u-1", all=True, accept_risk=True),
    ):
        assert (await refusal(act)).type == RefusalType.IDENTITY_PROOF_REQUIRED
    withdrawn = await closing.closures.withdraw(account, "u-1", proof=given)
    assert withdrawn.stage is Stage.WITHDRAWN
    another = await closing.prove(door=ActKind.WITHDRAW)
    assert (await refusal(closing.close(proof_id=another))).type == RefusalType.IDENTITY_PROOF_REQUIRED


async def test_a_stranger_who_guesses_all_day_keeps_no_owner_from_withdrawing(
    installation: TestInstallation,
) -> None:
    closing = await installation.account()
    await closing.ready()
    code = await code_for(closing)
    for _ in range(8):
        guess = ProofOfIdentity(code="00000000")
        error = await refusal(closing.closures.withdraw(closing.account_id, "u-1", proof=guess))
        assert error.type == RefusalType.CODE_REFUSED
    withdrawn = await closing.closures.withdraw(closing.account_id, "u-1", proof=ProofOfIdentity(code=code))
    assert withdrawn.stage is Stage.WITHDRAWN


async def test_forty_challenges_send_a_few_messages_and_say_when_to_ask_again(
    installation: TestInstallation,
) -> None:
    closing = await installation.account()
    (*_, code) = [await code_for(closing) for _ in range(AT_ONCE)]
    for _ in range(40 - AT_ONCE):
        error = await refusal(closing.closures.challenge(closing.account_id, "u-1", EMAIL))
        assert error.type == RefusalType.TOO_MANY_CHALLENGES
        seconds = error.facts["retry_after"]
        assert isinstance(seconds, int)
        assert 0 < seconds <= FIRST_PAUSE.total_seconds()
    assert await closing.templates() == ["identity_code"] * AT_ONCE
    opened = await closing.closures.close(closing.account_id, "u-1", ProofOfIdentity(code=code), agree=True)
    assert opened.stage is Stage.READY


async def test_a_typed_phrase_is_the_same_however_it_is_typed_and_shown_as_it_is_compared(
    installations: InstallationBuilder, policies: dict[str, Policy]
) -> None:
    policy = policies["alibaba-cloud"].model_copy(update={"typed_phrase": "cl\u00f4turer  {account_id}"})
    async with installations.open(policies={"alibaba-cloud": policy}) as installation:
        closing = await installation.account()
        await closing.ready()
        error = await refusal(closing.confirm(phrase=None))
        shown = f"cl\u00f4turer {closing.account_id}"
        assert error.facts["phrase"] == shown
        assert shown in error.message
        typed = f" clo\u0302turer\u00a0 {closing.account_id}\n"
        assert (await closing.confirm(phrase=typed)).stage is Stage.ENTERING


async def test_an_item_with_as_long_an_id_as_there_is_can_be_given_up(installation: TestInstallation) -> None:
    closing = await installation.account(
        resources=[{"id": "i" * 200, "product": "ecs", "renounceable": True}],
    )
    blocked = await closing.close()
    (item,) = blocked.checklist
    assert len(item.item_id) > 200
    assert (await closing.renounce(item.item_id)).stage is Stage.READY


async def test_a_second_policy_with_another_method_can_be_used(
    installations: InstallationBuilder, policies: dict[str, Policy]
) -> None:
    first = policies["alibaba-cloud"]
    phones = first.identity.model_copy(update={"methods": (IdentityMethod.SMS_CODE,)})
    first, second = (
        first.model_copy(update={"identity": phones}),
        first.model_copy(
            update={
                "name": "alibaba-careful",
                "identity": first.identity.model_copy(update={"methods": (EMAIL,)}),
            }
        ),
    )
    async with installations.open(policies={first.name: first, second.name: second}) as installation:
        closing = await installation.account()
        challenging = closing.closures.challenge(closing.account_id, "u-1", EMAIL)
        assert (await refusal(challenging)).type == RefusalType.IDENTITY_METHOD_REFUSED
        code = await code_for(closing, policy=second.name)
        document = await closing.closures.close(
            closing.account_id, "u-1", ProofOfIdentity(code=code), policy=second.name, agree=True
        )
        assert (document.stage, document.policy) == (Stage.READY, second.name)
        # The closure's own policy from now on, though the provider's would not take it.
        code = await code_for(closing)
        proof = ProofOfIdentity(code=code)
        confirmed = await closing.closures.confirm(closing.account_id, "u-1", "no longer needed", proof=proof)
        assert confirmed.stage is Stage.ENTERING


async def test_who_cools_off_proves_themselves_by_the_policy_they_began_under(
    installations: InstallationBuilder, policies: dict[str, Policy]
) -> None:
    began = with_cool_off(policies["alibaba-cloud"])
    edited = began.model_copy(
        update={
            "version": "edited",
            "identity": began.identity.model_copy(update={"methods": (IdentityMethod.PASSWORD,)}),
        }
    )
    async with installations.open(policies={began.name: began}) as installation:
        closing = await installation.account()
        await closing.ready()
        assert (await closing.confirm()).stage is Stage.COOLING_OFF
        policies_of_the_client = closing.installation.policies
        assert isinstance(policies_of_the_client, dict)
        policies_of_the_client[began.name] = edited
        code = await code_for(closing)
        withdrawn = await closing.closures.withdraw(
            closing.account_id, "u-1", proof=ProofOfIdentity(code=code)
        )
        assert withdrawn.stage is Stage.WITHDRAWN


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param(lambda code: f" {code[:3]} {code[3:]} ", id="in groups"),
        pytest.param(lambda code: code.translate(FULL_WIDTH), id="in full-width digits"),
    ],
)
async def test_a12_a_code_may_be_typed_as_people_and_their_keyboards_write_digits(
    installation: TestInstallation, typed: Callable[[str], str]
) -> None:
    closing = await installation.account()
    code = await code_for(closing)
    opened = await closing.closures.close(
        closing.account_id, "u-1", ProofOfIdentity(code=typed(code)), agree=True
    )
    assert opened.stage is Stage.READY
    # It is the same code: good once.
    again = await refusal(closing.closures.prove(closing.account_id, "u-1", ProofOfIdentity(code=code)))
    assert again.type is RefusalType.CODE_REFUSED
