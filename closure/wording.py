"""What the engine itself says to customers, by language; all other words are the policies'."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from closure.accounts import BillStatus
from closure.languages import spoken_language
from closure.messages import ItemText
from closure.policy_checks import Inspects
from closure.survey import Source


@dataclass(frozen=True)
class ItemTexts:
    """Both texts of a checklist item, with placeholders."""

    title: str
    how_to: str


class Lost(StrEnum):
    """Kinds of things that can't come back (A26)."""

    RESOURCE = "resource"
    SUBSCRIPTION = "subscription"
    BALANCE = "balance"
    PROMO = "promo"


@dataclass(frozen=True, kw_only=True)
class Words:
    """Everything that the engine says in one language."""

    subaccount: str
    nothing: str
    separator: str
    """Between the members of a list in one line."""
    more: str
    """Ends a list of which so many members are left out."""
    something_else: str
    """Why an account was restored, where there is no item that says it."""
    account_changed: str
    """Why a customer is asked again, where there is no item that says it."""
    moment: Callable[[datetime], str]
    items: Mapping[ItemText, ItemTexts]
    """Of items that no check of a policy yields."""
    final: Mapping[Inspects, ItemTexts]
    """How the final check words its findings where the policy's own texts don't fit."""
    sources: Mapping[Source, str]
    bill_status: Mapping[BillStatus, str]
    left: Mapping[Inspects, str]
    """What is left when an account goes: money with its id behind it, things with theirs after a colon."""
    left_thing: str
    left_amount: str
    lost: Mapping[Lost, str]
    kept_besides: str
    """What a deletion leaves beside what the policy says: a list of stores."""
    kept_until: str
    kept_unlimited: str
    account: str
    """Whom a mail is about."""
    see_status: str
    """What leads from a mail to the page that shows how the closure stands."""
    see_certificate: str
    """What leads from the mail of a deleted account to its certificate."""
    get_help: str


def words_of(language: str) -> Words:
    """The engine's words in a language; English for one that it doesn't speak."""
    spoken = spoken_language(_WORDS, language)
    return _OTHERS if spoken is None else _WORDS[spoken]


def iso_moment(moment: datetime) -> str:
    """The day and the minute, UTC, in any language."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def _english_moment(moment: datetime) -> str:
    utc = moment.astimezone(UTC)
    return f"{utc.day} {_MONTHS[utc.month - 1]} {utc.year}, {utc:%H:%M} UTC"


def _chinese_moment(moment: datetime) -> str:
    utc = moment.astimezone(UTC)
    return f"{utc.year}年{utc.month}月{utc.day}日 {utc:%H:%M}（UTC）"


_ENGLISH: Final = Words(
    subaccount="Subaccount {subaccount}: {title}",
    nothing="nothing",
    separator="; ",
    more="and {number} more",
    something_else="Something is in the account that you had not agreed to lose",
    account_changed="The account is not as it was when you confirmed",
    moment=_english_moment,
    items={
        ItemText.LEGAL_HOLD: ItemTexts(
            "The account is under legal hold",
            "Nothing in it may be deleted while the hold is in place. Contact support, then recheck.",
        ),
        ItemText.STOPPED: ItemTexts(
            "The account has been stopped",
            "The account that owns this one is being closed and has stopped it. "
            "Recheck when that closure has ended.",
        ),
        ItemText.UNREADABLE: ItemTexts(
            "{source} could not be read",
            "The closure waits while this is unknown. Recheck in a few minutes, then contact support.",
        ),
        ItemText.RELEASE_ORDER: ItemTexts(
            "No order in which {id} can be released",
            "It depends on itself through others. Release one of them yourself, then recheck.",
        ),
        ItemText.OTHER_CURRENCY: ItemTexts(
            "Subaccount {account} settles in {currency}, not in {wanted}",
            "Two currencies can't be settled together: move it to {wanted}, or out. Then recheck.",
        ),
    },
    final={
        Inspects.BILLS: ItemTexts(
            "Bill {id} of {amount} {currency} is {status}", "Pay the bill, then start the closure again."
        ),
        Inspects.CREDIT_NOTES: ItemTexts(
            "Credit note {id} of {amount} {currency} is open",
            "Settle the credit note, then start the closure again.",
        ),
        Inspects.BALANCE: ItemTexts(
            "New balance of {amount} {currency}",
            "It arrived after the closure was confirmed. Use it, or discard it when you start again.",
        ),
        Inspects.DEBT: ItemTexts(
            "Debt of {amount} {currency}", "Pay the debt, then start the closure again."
        ),
    },
    sources={
        Source.BILLING: "Billing",
        Source.INVENTORY: "The inventory of resources",
        Source.RELATIONSHIPS: "The list of related accounts",
        Source.DATA_STORES: "The list of data stores",
        Source.SUBACCOUNTS: "The list of subaccounts",
        Source.LEGAL_HOLDS: "The list of legal holds",
        Source.PAYMENTS: "The list of payments",
    },
    bill_status={status: status.value for status in BillStatus},
    left={
        Inspects.BILLS: "Bill",
        Inspects.CREDIT_NOTES: "Credit note",
        Inspects.BALANCE: "Balance",
        Inspects.DEBT: "Debt",
        Inspects.RESOURCES: "Resources",
        Inspects.SUBSCRIPTIONS: "Subscriptions",
        Inspects.DOMAINS: "Domains",
        Inspects.ICP_FILINGS: "ICP filings",
        Inspects.RELATIONSHIPS: "Relationships",
    },
    left_thing="{name}: {id}",
    left_amount="{name} of {amount} {currency}",
    lost={
        Lost.RESOURCE: "{product} instance {id}",
        Lost.SUBSCRIPTION: "{product} subscription {id}",
        Lost.BALANCE: "Balance of {amount} {currency}",
        Lost.PROMO: "Promotional balance of {amount} {currency}",
    },
    kept_besides="Besides, the law makes us keep: {stores}",
    kept_until="{store} ({ground}; until {until})",
    kept_unlimited="{store} ({ground}; until further notice)",
    account="Account {account}",
    see_status="View status",
    see_certificate="Certificate of closure, available for 30 days",
    get_help="Get help",
)
_CHINESE: Final = Words(
    subaccount="子账号 {subaccount}：{title}",
    nothing="无",
    separator="；",
    more="另有 {number} 项",
    something_else="账号中出现了您未同意放弃的内容",
    account_changed="账号的情况与您确认时不同",
    moment=_chinese_moment,
    items={
        ItemText.LEGAL_HOLD: ItemTexts(
            "账号处于法律保留状态", "保留期间不得删除该账号的任何内容。请联系客服，解除后重新检查。"
        ),
        ItemText.STOPPED: ItemTexts(
            "账号已被停用", "拥有该账号的账号正在终止，并已将该账号停用。请在其流程结束后重新检查。"
        ),
        ItemText.UNREADABLE: ItemTexts(
            "暂时无法读取{source}",
            "情况未明之前，本流程会一直等待。请几分钟后重新检查；如仍无法读取，请联系客服。",
        ),
        ItemText.RELEASE_ORDER: ItemTexts(
            "无法确定 {id} 的释放顺序", "该资源与其他资源循环依赖。请先自行释放其中一个，然后重新检查。"
        ),
        ItemText.OTHER_CURRENCY: ItemTexts(
            "子账号 {account} 的结算币种为 {currency}，而不是 {wanted}",
            "两种币种无法一并结算。请将其改为 {wanted} 或移出，然后重新检查。",
        ),
    },
    final={
        Inspects.BILLS: ItemTexts(
            "账单 {id}（{amount} {currency}）{status}", "请付清该账单，然后重新发起本流程。"
        ),
        Inspects.CREDIT_NOTES: ItemTexts(
            "贷项通知单 {id}（{amount} {currency}）未结清", "请结清该贷项通知单，然后重新发起本流程。"
        ),
        Inspects.BALANCE: ItemTexts(
            "新增余额 {amount} {currency}", "该余额在您确认之后到账。请使用该余额，或在重新发起本流程时放弃。"
        ),
        Inspects.DEBT: ItemTexts("欠费 {amount} {currency}", "请付清欠费，然后重新发起本流程。"),
    },
    sources={
        Source.BILLING: "账单与余额",
        Source.INVENTORY: "资源清单",
        Source.RELATIONSHIPS: "关联账号清单",
        Source.DATA_STORES: "数据存储清单",
        Source.SUBACCOUNTS: "子账号清单",
        Source.LEGAL_HOLDS: "法律保留清单",
        Source.PAYMENTS: "付款清单",
    },
    bill_status={
        BillStatus.UNPAID: "未支付",
        BillStatus.ISSUED: "已出账待支付",
        BillStatus.OVERDUE: "已逾期",
        BillStatus.PAID: "已支付",
    },
    left={
        Inspects.BILLS: "账单",
        Inspects.CREDIT_NOTES: "贷项通知单",
        Inspects.BALANCE: "余额",
        Inspects.DEBT: "欠费",
        Inspects.RESOURCES: "资源",
        Inspects.SUBSCRIPTIONS: "订阅",
        Inspects.DOMAINS: "域名",
        Inspects.ICP_FILINGS: "ICP 备案",
        Inspects.RELATIONSHIPS: "关联关系",
    },
    left_thing="{name}：{id}",
    left_amount="{name}（{amount} {currency}）",
    lost={
        Lost.RESOURCE: "{product} 实例 {id}",
        Lost.SUBSCRIPTION: "{product} 订阅 {id}",
        Lost.BALANCE: "余额 {amount} {currency}",
        Lost.PROMO: "赠送余额 {amount} {currency}",
    },
    kept_besides="此外，法律要求我们继续保留：{stores}",
    kept_until="{store}（{ground}；保留至 {until}）",
    kept_unlimited="{store}（{ground}；期限另行通知）",
    account="账号 {account}",
    see_status="查看进度",
    see_certificate="注销证明（30 天内可查看）",
    get_help="获取帮助",
)
_WORDS: Final[Mapping[str, Words]] = {"en": _ENGLISH, "zh": _CHINESE}
_OTHERS: Final = replace(_ENGLISH, moment=iso_moment)
