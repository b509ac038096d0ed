"""The short child workflow that deletes one subaccount; whatever holds it up holds up nothing else (T5)."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.certificates import CertificateActivities
    from activities.erasure import ErasureActivities
    from activities.requests import CertificateRequest, Effect, SubaccountResult, SubaccountStep
    from activities.subaccounts import SubaccountActivities, subaccount_closure_id
    from closure.lifecycle import Stage
    from workflows.calls import attempt, attempt_quickly
    from workflows.search_attributes import CLOSURE_OUTCOME, CLOSURE_STAGE


@workflow.defn(name="SubaccountDeletion")
class SubaccountDeletion:
    """Erases and closes one subaccount, or says what holds it up; its owner's closure tries again later."""

    @workflow.run
    async def run(self, step: SubaccountStep) -> SubaccountResult:
        """A few tries for each step; its own clock is the wall's, so times come with the input."""
        try:
            await self._delete(step)
        except ActivityError as error:
            cause = error.__cause__ or error
            workflow.logger.warning("subaccount %s is held up: %s", step.account_id, cause)
            workflow.set_current_details(f"Held up: {type(cause).__name__}. It is tried again.")
            return SubaccountResult(account_id=step.account_id, held_up_by=_reason(cause))
        workflow.upsert_search_attributes(
            [CLOSURE_STAGE.value_set(Stage.DELETED.value), CLOSURE_OUTCOME.value_set(Stage.DELETED.value)]
        )
        return SubaccountResult(account_id=step.account_id)

    async def _delete(self, step: SubaccountStep) -> None:
        await attempt_quickly(
            SubaccountActivities.begin_subaccount_deletion, step, summary="Record: deletion begins"
        )
        closure_id = subaccount_closure_id(step.owner_closure_id, step.account_id)
        erased = await attempt(
            ErasureActivities.erase_data,
            Effect(
                closure_id=step.owner_closure_id,
                account_id=step.account_id,
                plan_hash=step.plan_hash,
                key=f"{closure_id}/erase",
                time=step.time,
            ),
            summary="Erase data stores and verify",
            at_length=True,
        )
        await attempt_quickly(
            SubaccountActivities.note_subaccount_erasure,
            step.model_copy(update={"details": erased.evidence(closure_id)}),
            summary="Record: data erased",
        )
        retained = tuple(store.store_id for store in erased.retained)
        await attempt_quickly(
            SubaccountActivities.finish_subaccount_deletion,
            step.model_copy(update={"retained_stores": retained}),
            summary="Close the subaccount",
        )
        await attempt(
            CertificateActivities.issue_certificate,
            CertificateRequest(closure_id=closure_id, time=step.time),
            summary="Issue the certificate",
        )


def _reason(cause: BaseException) -> str:
    kind = getattr(cause, "type", None) or type(cause).__name__
    return str(kind)
