"""The second person whom a policy may want: somebody else than who confirms, whatever user ids they have."""

from activities.authorization import Authorization
from activities.held import HeldClosure
from closure.acts import Act
from closure.errors import Refused
from closure.state import Approver
from records.acts import find_act
from records.erasure import key_for_reading


class SecondPersons:
    """Compares persons, as the directory knows them at that moment."""

    def __init__(self, authorization: Authorization) -> None:
        self._authorization = authorization

    async def approver(self, closure: HeldClosure, act: Act) -> Approver:
        """Who approves by this act."""
        return Approver(act_id=act.act_id, person=await self._name(closure, act))

    async def for_confirm(self, closure: HeldClosure, act: Act) -> tuple[Approver, ...]:
        """Those who approved, still have the role, and neither are who confirms nor were it then."""
        approval = closure.policy.approval
        if approval is None:
            return ()
        confirmer = await self._name(closure, act)
        return tuple(
            [
                each
                for each in closure.state.approved_by
                if each.person != confirmer
                and await self._is_another(closure, each, approval.roles, confirmer)
            ]
        )

    async def _is_another(
        self, closure: HeldClosure, approver: Approver, roles: tuple[str, ...], confirmer: str
    ) -> bool:
        act = await closure.read(lambda each: find_act(each, approver.act_id))
        if act is None or not await self._authorization.has_role(roles, act.account_id, act.user_id):
            return False
        try:
            return await self._name(closure, act) != confirmer
        except Refused:
            return False

    async def _name(self, closure: HeldClosure, act: Act) -> str:
        """The keyed hash of the person behind the act's user. Raises `Refused` (`ROLE_REFUSED`)."""
        person = await self._authorization.person_of(act.account_id, act.user_id)
        key = await closure.read(lambda each: key_for_reading(each, closure.account_id))
        assert key is not None, "an open closure's account has its key"
        return key.name(person)
