"""A policy in another of its languages, and whether a translation is one: the same texts and placeholders."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from closure.languages import choose_language
from closure.policy import Policy
from closure.policy_texts import AgreementTexts, CheckTexts, EligibilityTexts, PolicyTexts, RetentionTexts
from closure.templates import placeholders


def in_language(policy: Policy, wanted: str) -> Policy:
    """The policy with its texts in the language wanted, for reading only: plans and pins are the original's.

    `closure.languages` says which language a reader gets that the policy doesn't have. What a translation
    lacks, though no file that was read lacks anything, stays in the policy's own language.
    """
    language = choose_language(policy.languages, wanted)
    return policy if language == policy.languages[0] else _translated(_Same(policy), language)


class _Same:
    """A policy by its identity: it has no hash, and nobody changes it."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.policy is self.policy

    def __hash__(self) -> int:
        return id(self.policy)


@lru_cache(maxsize=64)
def _translated(same: _Same, language: str) -> Policy:
    policy, own = same.policy, same.policy.languages[0]
    texts = policy.translations[language]
    others = {each: policy.translations[each] for each in policy.translations if each != language}
    agreement = policy.agreement
    if agreement is not None and texts.agreement is not None:
        agreement = agreement.model_copy(update=dict(texts.agreement))
    return policy.model_copy(
        update={
            "languages": (language, *(each for each in policy.languages if each != language)),
            "translations": {own: own_texts(policy), **others},
            "restart_advice": texts.restart_advice,
            "advice": texts.advice,
            "reasons": texts.reasons,
            "stays": texts.stays,
            "agreement": agreement,
            "eligibility": policy.eligibility.model_copy(
                update={
                    "refused_kinds": {**policy.eligibility.refused_kinds, **texts.eligibility.refused_kinds}
                }
            ),
            "acknowledgements": {
                kind: _as_many(boxes, texts.acknowledgements.get(kind, ()))
                for kind, boxes in policy.acknowledgements.items()
            },
            "checks": tuple(
                check.model_copy(update=dict(texts.checks.get(check.id, ()))) for check in policy.checks
            ),
            "retained": tuple(
                kept.model_copy(update=dict(texts.retained.get(kept.name, ()))) for kept in policy.retained
            ),
        }
    )


def _as_many(own: tuple[str, ...], translated: tuple[str, ...]) -> tuple[str, ...]:
    """The translated ones; a translation takes no consent away."""
    return translated if len(translated) == len(own) else own


def languages_of(policies: Iterable[Policy]) -> frozenset[str]:
    """The languages that any of the policies has."""
    return frozenset(language for policy in policies for language in policy.languages)


def own_texts(policy: Policy) -> PolicyTexts:
    """The texts in the policy's own language."""
    agreement = policy.agreement
    return PolicyTexts(
        restart_advice=policy.restart_advice,
        advice=policy.advice,
        reasons=policy.reasons,
        stays=policy.stays,
        agreement=AgreementTexts(title=agreement.title, url=agreement.url) if agreement else None,
        eligibility=EligibilityTexts(refused_kinds=policy.eligibility.refused_kinds),
        acknowledgements=policy.acknowledgements,
        checks={
            check.id: CheckTexts(title=check.title, how_to=check.how_to, how_to_manual=check.how_to_manual)
            for check in policy.checks
        },
        retained={kept.name: RetentionTexts(what=kept.what, ground=kept.ground) for kept in policy.retained},
    )


def texts_by_path(policy: Policy, language: str) -> Mapping[str, str]:
    """Every text in one of the policy's languages, messages too, by its dotted path in a translation file."""
    own = language == policy.languages[0]
    texts = own_texts(policy) if own else policy.translations[language]
    found = dict(_flat(texts.model_dump(mode="json", exclude_none=True), ""))
    for template, languages in policy.messages.items():
        if language in languages:
            found |= _flat(
                languages[language].model_dump(mode="json", exclude_none=True), f"messages.{template}"
            )
    return found


def faults_of_translation(policy: Policy, language: str) -> Iterator[tuple[str, str]]:
    """What a translation lacks or has too much, by path."""
    own, translated = texts_by_path(policy, policy.languages[0]), texts_by_path(policy, language)
    for path, text in own.items():
        if path not in translated:
            yield path, "is missing: the policy has it in its own language"
        elif (names := _names(text)) != _names(translated[path]):
            wanted = ", ".join(f"{{{name}}}" for name in sorted(names)) or "none"
            yield path, f"must have the placeholders of the policy's own text: {wanted}"
    for path in translated:
        if path not in own:
            yield path, "the policy has no such text"


def _names(text: str) -> frozenset[str]:
    """The placeholders of a text; one that is no template has none, and its braces are braces."""
    try:
        return placeholders(text)
    except ValueError:
        return frozenset()


def _flat(content: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(content, str):
        yield path, content
    members: Mapping[str, object] = {}
    if isinstance(content, Mapping):
        members = content
    elif isinstance(content, list):
        members = {str(position): each for position, each in enumerate(content)}
    for name, member in members.items():
        yield from _flat(member, f"{path}.{name}" if path else name)
