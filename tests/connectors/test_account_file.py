"""The account file is refused whole, with file, path and reason for everything that is wrong with it."""

import json
import re
from pathlib import Path
from textwrap import dedent

import pytest

from closure.accounts import BillingMethod
from connectors.embedded.account_file import AccountFile, parse_account_file, read_account_file
from connectors.embedded.account_text import SIZE_LIMIT, AccountFileFault

GUIDE = Path(__file__).parents[2] / "docs" / "account-file.md"
HEAD = "{id: a-1, provider: p, kind: k, currency: USD"


def read(text: str) -> AccountFile:
    return parse_account_file(dedent(text), "f.yaml")


def faults_of(text: str, file: str = "f.yaml") -> list[str]:
    """The lines without the file's name, which each must start with."""
    with pytest.raises(AccountFileFault) as refused:
        parse_account_file(dedent(text), file)
    lines = refused.value.lines
    assert all(line.startswith(f"{file}: ") for line in lines)
    return [line.removeprefix(f"{file}: ") for line in lines]


def fault_in_account(fields: str) -> str:
    """The only fault of a file with one account of these fields, below ``accounts.0.``."""
    (line,) = faults_of(f"accounts:\n- {HEAD}, {fields}}}")
    return line.removeprefix("accounts.0.")


def test_the_example_of_the_contract_is_read() -> None:
    file = read(
        """
        accounts:
          - id: ali-100
            provider: alibaba-cloud
            kind: standard
            currency: USD
            users:
              - {id: u-1, role: main, email: owner@example.com, phone: "+15550100", password: "…"}
              - {id: u-2, role: ram, email: dev@example.com}
            balance: {cash: "200.00", promo: "15.00"}
            bills: [{id: b-1, amount: "18.20", status: unpaid}]
            credit_notes: [{id: cn-1, amount: "3.00", status: open}]
            resources: [{id: i-1, product: ecs, billing: pay-as-you-go, renounceable: true, depends_on: []}]
            subscriptions: [{id: s-1, product: rds, expires_at: 2027-03-01T00:00:00Z, renounceable: true}]
            domains: [{id: example.com}]
            icp_filings: [{id: icp-1}]
            relationships: [{id: r-1, type: resource-directory, role: administrator}]
            bindings: [{id: bind-1, third_party: github}]
            data: [{id: oss-1, store: object-storage, objects: 1200}]
            api_keys: [{id: k-1}]
            payments: [{id: p-1, amount: "200.00", paid_at: 2026-01-05T00:00:00Z}]
            subaccounts: []
            usage_final_until: 2026-11-20T00:00:00Z
        """
    )
    (entry,) = file.accounts
    assert entry.users[0].password is not None
    assert "…" not in repr(entry), "a password never shows"
    assert entry.data[0].objects == 1200


def test_the_example_of_the_guide_is_read() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    (entry,) = read(text).accounts
    assert entry.data[1].must_retain is not None
    assert entry.must_retain is not None
    assert entry.model_fields_set == entry.model_dump().keys(), "it shows every field"


def test_times_mean_the_same_quoted_or_not() -> None:
    times = ("2026-11-20T00:00:00Z", '"2026-11-20T00:00:00Z"', "2026-11-20 08:00:00+08:00")
    plain, quoted, offset = (read(f"accounts: [{HEAD}, usage_final_until: {time}}}]") for time in times)
    assert plain == quoted == offset


def test_json_is_read_too() -> None:
    given = {"id": "a-1", "provider": "p", "kind": "k", "currency": "USD", "domains": [{"id": "é\U0001f600"}]}
    document = {"accounts": [given]}
    assert parse_account_file(json.dumps(document, indent="\t"), "f.json").accounts[0].domains[0].id
    assert parse_account_file(json.dumps(document), "f.yaml") == parse_account_file(
        json.dumps(document), "f.json"
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "must be a mapping with `accounts:`"),
        ("[]", "must be a mapping with `accounts:`"),
        ("{}", "accounts: is missing"),
        ("accounts: 7", "accounts: must be a list"),
        ("accounts: [7]", "accounts.0: must be a mapping"),
        ("accounts: []\nmore: 1", "more: unknown field"),
        ("accounts: []\naccounts: []", "accounts: is there twice"),
        ("accounts: [", "is not YAML: line 2, column 1: did not find expected node content"),
        ("accounts: []\n---\naccounts: []", "holds more than one document (---)"),
        ("accounts: !!python/object:os.system []", "accounts: tags (!) can't be used"),
        ("accounts: !!seq []", "accounts: tags (!) can't be used"),
        ("a: &a [x, x]\naccounts: *a", "a: anchors and aliases (&, *) can't be used; write the value out"),
        ("accounts: *a", "accounts: anchors and aliases (&, *) can't be used; write the value out"),
        ("? [a]\n: b", "0: a list or mapping can't be a key"),
        ("accounts: [\x01]", "is not YAML: line 1: control characters are not allowed"),
        ("accounts: " + "[" * 25 + "]" * 25, "accounts" + ".0" * 19 + ": is nested deeper than 20 levels"),
    ],
)
def test_a_text_that_is_no_account_file(text: str, fault: str) -> None:
    assert faults_of(text) == [fault]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"accounts": [}', "is not JSON: line 1, column 15: Expecting value"),
        ('{"accounts": [], "accounts": []}', "accounts: is there twice"),
        ('{"a":' * 100_000, "is nested deeper than 20 levels"),
        ('{"accounts": ' + "9" * 5_000 + "}", "holds a number with too many digits"),
        ('{"accounts": NaN}', "accounts: must be a list"),
    ],
    ids=["syntax", "repeated key", "too deep", "endless number", "no number"],
)
def test_a_text_that_is_no_json(text: str, fault: str) -> None:
    assert faults_of(text, "f.json") == [fault]


def test_aliases_cannot_blow_a_small_file_up() -> None:
    bomb = "a0: &a0 [x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    assert faults_of(f"{bomb}accounts: *a11") == [
        "a0: anchors and aliases (&, *) can't be used; write the value out"
    ]


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ("nope: 1", "nope: unknown field"),
        ("users: [{id: u, role: r, age: 1}]", "users.0.age: unknown field"),
        ("users: [{id: u}]", "users.0.role: is missing"),
        ("users: {id: u}", "users: must be a list"),
        ("users: null", "users: must be a list"),
        ("balance: 5", "balance: must be a mapping"),
        ('domains: [{id: ""}]', "domains.0.id: must not be empty"),
        ("domains: [{id: 7}]", "domains.0.id: must be text: write it in quotes"),
        ("domains: [{id: [x]}]", "domains.0.id: must be text"),
        (f"domains: [{{id: {'x' * 201}}}]", "domains.0.id: must not be longer than 200 characters"),
        ('domains: [{id: "a\\nb"}]', "domains.0.id: must not hold control characters"),
        ('domains: [{id: "a\\x7fb"}]', "domains.0.id: must not hold control characters"),
        ("domains: [{id: d}, {id: d}]", "domains.1.id: 'd' is the id of accounts.0.domains.0 already"),
        ("domains: [{id: d, id: e}]", "domains.0.id: is there twice"),
        ("users: [{id: u, role: r, email: nobody}]", "users.0.email: must be an e-mail address"),
        (
            "users: [{id: u, role: r, phone: none}]",
            'users.0.phone: must be a telephone number, such as "+15550100"',
        ),
        ("users: [{id: u, role: r, language: no}]", "users.0.language: must be text: write it in quotes"),
        (
            "users: [{id: u, role: r, language: e}]",
            "users.0.language: must be a language tag, such as en or zh-CN",
        ),
        ("users: [{id: u, role: r, password: 1234}]", "users.0.password: must be text: write it in quotes"),
        ('users: [{id: u, role: r, password: ""}]', "users.0.password: must not be empty"),
        (
            "balance: {cash: 18.20}",
            'balance.cash: must be text: write it in quotes, such as "18.20"',
        ),
        (
            "bills: [{id: b, amount: 18, status: paid}]",
            'bills.0.amount: must be text: write it in quotes, such as "18.20"',
        ),
        ('balance: {cash: "1.234"}', "balance.cash: '1.234' has more decimals than USD (2)"),
        (
            'balance: {cash: "1,5"}',
            "balance.cash: '1,5' is not a decimal amount such as \"12.34\"",
        ),
        ('balance: {promo: "-0.01"}', "balance.promo: must not be below zero; only cash can be a debt"),
        (
            'balance: {cash: "99999999999999.00"}',
            "balance.cash: is larger than 10000000000000.00 USD",
        ),
        ('bills: [{id: b, amount: "0.00", status: paid}]', "bills.0.amount: must be above zero"),
        ('bills: [{id: b, amount: "-1", status: paid}]', "bills.0.amount: must be above zero"),
        ('credit_notes: [{id: c, amount: "0", status: open}]', "credit_notes.0.amount: must be above zero"),
        (
            'payments: [{id: p, amount: "0", paid_at: 2026-01-05T00:00:00Z}]',
            "payments.0.amount: must be above zero",
        ),
        (
            'bills: [{id: b, amount: "1", status: lost}]',
            "bills.0.status: must be 'unpaid', 'issued', 'overdue' or 'paid'",
        ),
        (
            'balance: {cash: "5.00"}, payments: [{id: p, amount: "4.99", paid_at: 2026-01-05T00:00:00Z}]',
            "payments: add up to 4.99, less than the cash of 5.00 that they funded",
        ),
        (
            'balance: {cash: "5.00"}, payments: []',
            "payments: add up to 0.00, less than the cash of 5.00 that they funded",
        ),
        (
            "resources: [{id: i, product: ecs, depends_on: [vpc]}]",
            "resources.0.depends_on.0: there is no resource 'vpc' in this account",
        ),
        (
            "resources: [{id: i, product: ecs}, {id: j, product: ecs, depends_on: [i, i]}]",
            "resources.1.depends_on.1: 'i' is there twice",
        ),
        (
            "resources: [{id: i, product: ecs, renounceable: 'yes'}]",
            "resources.0.renounceable: must be true or false, without quotes",
        ),
        (
            "subscriptions: [{id: s, product: rds, expires_at: 2027-03-01}]",
            "subscriptions.0.expires_at: must be a time with an offset, such as 2027-03-01T00:00:00Z",
        ),
        (
            "usage_final_until: 2027-03-01T00:00:00",
            "usage_final_until: must be a time with an offset, such as 2027-03-01T00:00:00Z",
        ),
        ("usage_final_until: 2027-02-30T00:00:00Z", "usage_final_until: is no time of the calendar"),
        ("usage_final_until: 0001-01-01T00:00:00+05:00", "usage_final_until: is no time of the calendar"),
        (
            "relationships: [{id: r, type: partner, role: member}]",
            "relationships.0.role: a partner relationship has no role",
        ),
        (
            "relationships: [{id: r, type: resource-directory}]",
            "relationships.0.role: is missing: administrator or member",
        ),
        ("data: [{id: d, store: s, objects: 1.5}]", "data.0.objects: must be a whole number, without quotes"),
        ("data: [{id: d, store: s, objects: -1}]", "data.0.objects: must be greater than or equal to 0"),
        ("must_retain: tax law", "must_retain: must be a mapping"),
        ("must_retain: {}", "must_retain.because: is missing"),
        ('must_retain: {because: " "}', "must_retain.because: must not be blank"),
        (
            f"must_retain: {{because: {'x' * 1001}}}",
            "must_retain.because: must not be longer than 1000 characters",
        ),
        ("must_retain: {because: law, who: me}", "must_retain.who: unknown field"),
        (
            "data: [{id: d, store: s, objects: 1, must_retain: {because: law, until: 2036-01-01}}]",
            "data.0.must_retain.until: must be a time with an offset, such as 2027-03-01T00:00:00Z",
        ),
        (
            'data: [{id: d, store: s, objects: 1, must_retain: {because: "§\\n147"}}]',
            "data.0.must_retain.because: must not hold control characters",
        ),
        ("subaccounts: [a-2]", "subaccounts.0: there is no account 'a-2' in this file"),
        ("subaccounts: [a-1]", "subaccounts.0: 'a-1' would be a subaccount of itself"),
        (
            "users: [{id: u, role: r, login: l, password: x}, {id: v, role: r, login: l, password: y}]",
            "users.1.password: is another than the one this login has elsewhere in the file",
        ),
        (
            "users: [{id: u, role: r, login: a-1/v}, {id: v, role: r}]",
            "users.1.login: 'a-1/v' is another user's sign-in; name another one",
        ),
    ],
)
def test_a_fault_in_an_account(fields: str, fault: str) -> None:
    assert fault_in_account(fields) == fault


@pytest.mark.parametrize(
    ("account_id", "fields", "fault"),
    [
        ("a-1", "currency: USD", "id: 'a-1' is the id of accounts.0 already"),
        ("a-2", "currency: XXY", "currency: 'XXY' is not an ISO 4217 currency code"),
        ("a-2", "currency: usd", "currency: 'usd' is not an ISO 4217 currency code"),
        (
            "a-2",
            'currency: JPY, balance: {cash: "1.5"}',
            "balance.cash: '1.5' has more decimals than JPY (0)",
        ),
        (
            "a-2",
            'currency: KWD, balance: {cash: "1.2345"}',
            "balance.cash: '1.2345' has more decimals than KWD (3)",
        ),
        ("a-2", "currency: USD, subaccounts: [a-0]", "subaccounts.0: 'a-0' has another provider"),
        (
            "a-2",
            "currency: USD, subaccounts: [a-1, a-1]",
            "subaccounts.1: 'a-1' is a subaccount of 'a-2' already",
        ),
    ],
)
def test_a_fault_in_the_second_account(account_id: str, fields: str, fault: str) -> None:
    text = f"accounts:\n- {HEAD}}}\n- {{id: {account_id}, provider: p, kind: k, {fields}}}\n"
    other = "- {id: a-0, provider: q, kind: k, currency: USD}"
    assert faults_of(text + other) == [f"accounts.1.{fault}"]


def test_accounts_above_each_other() -> None:
    text = "accounts: [" + ", ".join(
        f"{{id: {child}, provider: p, kind: k, currency: USD, subaccounts: [{parent}]}}"
        for child, parent in (("a", "b"), ("b", "c"), ("c", "a"))
    )
    assert faults_of(text + "]") == ["accounts.2.subaccounts.0: 'a' would be a subaccount of itself"]


def test_everything_that_is_wrong_is_said_at_once() -> None:
    assert faults_of(
        """
        accounts:
          - {id: a-1, provider: p, kind: k, currency: XXY, nope: 1}
          - id: a-1
            provider: p
            kind: k
            currency: JPY
            bills: [{id: b, amount: "1.5", status: lost}, {id: b, amount: 5, status: paid}, 7]
            resources: [{id: i, product: "", depends_on: [gone]}]
            data: [{id: d, store: s, objects: 1, must_retain: {until: tomorrow}}]
            must_retain: {because: 147}
        """
    ) == [
        "accounts.0.currency: 'XXY' is not an ISO 4217 currency code",
        "accounts.0.nope: unknown field",
        "accounts.1.bills.0.amount: '1.5' has more decimals than JPY (0)",
        "accounts.1.bills.0.status: must be 'unpaid', 'issued', 'overdue' or 'paid'",
        'accounts.1.bills.1.amount: must be text: write it in quotes, such as "18.20"',
        "accounts.1.bills.1.id: 'b' is the id of accounts.1.bills.0 already",
        "accounts.1.bills.2: must be a mapping",
        "accounts.1.data.0.must_retain.because: is missing",
        "accounts.1.data.0.must_retain.until: must be a time with an offset, such as 2027-03-01T00:00:00Z",
        "accounts.1.id: 'a-1' is the id of accounts.0 already",
        "accounts.1.must_retain.because: must be text: write it in quotes",
        "accounts.1.resources.0.depends_on.0: there is no resource 'gone' in this account",
        "accounts.1.resources.0.product: must not be empty",
    ]


def test_a_user_has_a_language_that_messages_can_be_in() -> None:
    users = [
        f"{{id: u-{tag}, role: r, language: {tag}}}" for tag in ("en", "EN-gb", "zh", "zh-CN", "fr", "zhx")
    ]
    text = f"accounts: [{HEAD}, users: [{', '.join(users)}]}}]"
    with pytest.raises(AccountFileFault) as refused:
        parse_account_file(text, "f.yaml", lambda: {"zh", "de"})
    assert refused.value.lines == tuple(
        f"f.yaml: accounts.0.users.{position}.language: no policy has messages in {tag!r}; there are: de, zh"
        for position, tag in ((4, "fr"), (5, "zhx"))
    )
    assert parse_account_file(text, "f.yaml").accounts, "whoever names none takes any"


def test_a_giant_value_is_not_quoted_whole() -> None:
    (line,) = faults_of(f'accounts: [{HEAD}, balance: {{cash: "{"9" * 100_000}"}}}}]')
    assert len(line) < 1_000


def test_payments_may_exceed_what_is_left_of_them() -> None:
    fields = 'balance: {cash: "-3.00"}, payments: [{id: p, amount: "5.00", paid_at: 2026-01-05T00:00:00Z}]'
    assert read(f"accounts: [{HEAD}, {fields}}}]").accounts[0].payments is not None


def test_defaults() -> None:
    (entry,) = read(f"accounts: [{HEAD}, resources: [{{id: i, product: ecs}}]}}]").accounts
    assert entry.resources[0].billing is BillingMethod.PAY_AS_YOU_GO
    assert (entry.resources[0].renounceable, entry.payments, entry.users) == (False, None, ())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"accounts: \xff", "is not UTF-8 text: byte 10"),
        ("accounts: []".encode("utf-16"), "is not UTF-8 text: byte 0"),
    ],
    ids=["bad byte", "UTF-16"],
)
def test_a_file_that_is_no_text(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes(content)
    with pytest.raises(AccountFileFault) as refused:
        read_account_file(file)
    assert refused.value.lines == (f"{file}: {reason}",)


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes(b"\xef\xbb\xbfaccounts: []")
    assert read_account_file(file).accounts == ()


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.yaml", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(AccountFileFault) as refused:
            read_account_file(path)
        assert refused.value.lines == (f"{path}: cannot be read: {reason}",)


def test_a_giant_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    with file.open("wb") as giant:
        giant.truncate(SIZE_LIMIT + 1)
    with pytest.raises(AccountFileFault, match="is larger than 64 MiB"):
        read_account_file(file)
