"""Reads a policy from the texts of its files; a policy that can't be used is no policy."""

import tomllib
from collections.abc import Mapping
from typing import TypeVar

from pydantic import ValidationError

from closure.model import Model, first_fault
from closure.policy import MessageTemplate, MessageTexts, Policy
from closure.policy_rules import contradictions
from closure.policy_texts import PolicyTexts
from closure.translations import faults_of_translation

Content = TypeVar("Content", bound=Model)


class PolicyFault(Exception):
    """A policy file that can't be used: where, and why."""

    def __init__(self, file: str, key: str, reason: str) -> None:
        super().__init__(f"{file}: {key}: {reason}" if key else f"{file}: {reason}")
        self.file = file
        self.key = key
        self.reason = reason


class Translation(PolicyTexts):
    """A translation file: the texts of a policy in one other language."""

    messages: Mapping[MessageTemplate, MessageTexts] = {}


def translation_file(policy: str, language: str) -> str:
    """The name of the file that has the texts of the policy `policy` in a language."""
    return f"{policy}.{language}.toml"


def parse_policy(text: str, file_name: str, translations: Mapping[str, str] | None = None) -> Policy:
    """Reads the TOML `text` of the policy file `file_name` (its last path component, such as ``acme.toml``).

    `translations` are the TOML texts of its translation files, by language.

    Raises:
        PolicyFault: with the dotted key of the first thing that is wrong.
    """
    policy = _read(Policy, text, file_name)
    stem = file_name.removesuffix(".toml")
    if policy.name != stem:
        raise PolicyFault(file_name, "name", f'is "{policy.name}" but the file is named "{stem}"')
    for key, reason in contradictions(policy):
        raise PolicyFault(file_name, key, reason)
    given = translations or {}
    for language in given:
        if language not in policy.languages[1:]:
            fault = f'"{language}" is not among the further languages of {file_name}'
            raise PolicyFault(translation_file(stem, language), "", fault)
    for position, language in enumerate(policy.languages[1:], start=1):
        file = translation_file(stem, language)
        if language not in given:
            raise PolicyFault(file_name, f"languages.{position}", f"there is no {file} with its texts")
        for template, texts in policy.messages.items():
            if language in texts:
                raise PolicyFault(file_name, f"messages.{template}.{language}", f"belongs in {file}")
        policy = _translated(policy, language, _read(Translation, given[language], file))
        for key, reason in faults_of_translation(policy, language):
            raise PolicyFault(file, key, reason)
    return policy


def _translated(policy: Policy, language: str, translation: Translation) -> Policy:
    messages = {
        template: {
            **policy.messages.get(template, {}),
            **({language: translation.messages[template]} if template in translation.messages else {}),
        }
        for template in (*policy.messages, *translation.messages)
    }
    texts = PolicyTexts(**{name: getattr(translation, name) for name in PolicyTexts.model_fields})
    return policy.model_copy(
        update={"translations": {**policy.translations, language: texts}, "messages": messages}
    )


def _read(model: type[Content], text: str, file_name: str) -> Content:
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # beside TOMLDecodeError: endless numbers and nesting
        raise PolicyFault(file_name, "", f"not valid TOML: {error}") from error
    if "translations" in content:  # pinned policies have them; in files each language has its own
        raise PolicyFault(file_name, "translations", "unknown key")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise PolicyFault(file_name, *first_fault(error)) from error
