"""What is weaker about the store than promised: what, why it matters, what to do. From facts alone, so that each can be shown."""

from collections.abc import Iterator, Sequence

from central_zone.store.facts import Facts, HbaLine
from central_zone.store.server_settings import ADMINISTRATOR, LACKS, Promise
from key_custody.whereabouts.verdict import Verdict, not_looked_at, ok, take_care, wrong

_OLDEST = 150000
_LIBRARIES = frozenset({"pgaudit"})
_EXTENSIONS = frozenset({"plpgsql", "pgaudit"})
_LOCAL = frozenset({"peer", "scram-sha-256", "reject", "cert"})
_OVER_TLS = frozenset({"scram-sha-256", "reject"})
_ONLY_AN_ADMINISTRATOR = "only an administrator sees it: gp-central store check with GP_STORE_ADMIN_URL_FILE."
DEMONSTRATION = "demonstration, on a socket of this machine"


def weaker(facts: Facts, promises: Sequence[Promise], *, demonstration: bool) -> list[Verdict]:
    """A verdict for each thing that is weaker, and one `ok` for each subject where nothing is.

    `demonstration` accepts what the embedded server lacks, and only of a server that no network reaches.
    """
    accepts = is_accepted(facts, demonstration=demonstration)
    said = [*_settings(facts, promises, accepts), *_signing_in(facts, accepts), *_code(facts)]
    if demonstration and not accepts:
        said.append(
            wrong(
                "store: demonstration",
                "GP_STORE_IS_DEMONSTRATION is set and the server listens on a network. Nothing is accepted: take the setting away.",
            )
        )
    return said


def is_accepted(facts: Facts, *, demonstration: bool) -> bool:
    """Whether what a demonstration lacks is accepted of this server."""
    return demonstration and not facts.listens_on_a_network


def tasks(facts: Facts, *, over_network: bool, demonstration: bool) -> list[Verdict]:
    """How those who run by night come in. A superuser sees past every right and every policy, so none of them may be one."""
    said = []
    if over_network and facts.tls != "TLSv1.3":
        said.append(
            wrong(
                place("encryption"),
                f"this connection is under {facts.tls or 'no TLS'}, promised is TLSv1.3. Correct GP_STORE_URL.",
            )
        )
    if facts.is_superuser:
        who = f"tasks come as {facts.user}, a superuser, whom no right and no policy holds."
        if is_accepted(facts, demonstration=demonstration):
            said.append(take_care(place("tasks"), f"{who} Accepted here: {DEMONSTRATION}"))
        else:
            said.append(wrong(place("tasks"), f"{who} Name a role that gp-central store init made in GP_STORE_URL."))
    return said or [ok(place("tasks"), f"they come as {facts.user}, no superuser")]


def place(subject: str) -> str:
    return f"store: {subject}"


def _settings(facts: Facts, promises: Sequence[Promise], accepts: bool) -> Iterator[Verdict]:
    for about in dict.fromkeys(promise.about for promise in promises):
        said = list(_of(facts, [promise for promise in promises if promise.about == about], accepts))
        yield from said or [ok(place(about), "every setting is as policy/store_settings.toml promises")]


def _of(facts: Facts, promises: Sequence[Promise], accepts: bool) -> Iterator[Verdict]:
    strangers = [promise.name for promise in promises if _is_of_a_library_not_loaded(promise, facts)]
    for promise in promises:
        if facts.is_unseen(promise.name):
            yield take_care(place(promise.about), f"{promise.name}: {_ONLY_AN_ADMINISTRATOR}")
        elif promise.name in facts.overridden:
            pass  # told below, where it is worse
        elif not promise.holds(facts.settings) and not _is_told_by_another(promise, strangers, facts):
            yield _not_kept(facts, promise, accepts)
        yield from _own(facts, promise)


def _is_of_a_library_not_loaded(promise: Promise, facts: Facts) -> bool:
    return "." in promise.name and promise.name not in facts.settings


def _is_told_by_another(promise: Promise, strangers: Sequence[str], facts: Facts) -> bool:
    """A library that is not loaded is one thing to mend, not one for each of its settings."""
    is_seen = not facts.is_unseen("shared_preload_libraries")
    return promise.name in strangers and (is_seen or promise.name != strangers[0])


def _not_kept(facts: Facts, promise: Promise, accepts: bool) -> Verdict:
    present = facts.settings.get(promise.name)
    is_now = "is not known to the server" if present is None else f"is {present!r}"
    what = f"{promise.name} {is_now}, promised is {promise.in_words()}. {promise.why}"
    if accepts and promise.demonstration == LACKS:
        return take_care(place(promise.about), f"{what} Accepted here: {DEMONSTRATION}")
    return wrong(place(promise.about), f"{what} {_remedy(facts, promise)}")


def _remedy(facts: Facts, promise: Promise) -> str:
    if promise.name in facts.waits_for_restart:
        return "It is set, and waits for the server to be started again."
    if promise.name in facts.on_command_line:
        return "It stands on the server's command line, which nothing overrules: change it there."
    if promise.by == ADMINISTRATOR:
        return "Set it where the server is run (docs/store.md)."
    return "Run gp-central store init."


def _own(facts: Facts, promise: Promise) -> Iterator[Verdict]:
    for own in facts.own:
        if own.name == promise.name and not promise.holds({**facts.settings, own.name: own.value}):
            yield wrong(
                place(promise.about),
                f"{own.name} is {own.value!r} for {own.whose}, promised is {promise.in_words()}. {promise.why} "
                "Take it away: ALTER ROLE or ALTER DATABASE ... RESET.",
            )


def _signing_in(facts: Facts, accepts: bool) -> Iterator[Verdict]:
    said = [*_hba(facts, accepts), *_passwords(facts)]
    yield from said or [
        ok(place("signing in"), "over TLS with SCRAM, or by a socket as oneself; nobody has a weaker password")
    ]


def _hba(facts: Facts, accepts: bool) -> Iterator[Verdict]:
    if facts.hba is None:
        yield not_looked_at(
            place("signing in"),
            f"{facts.user} may not see pg_hba.conf. Run gp-central store init, which lets the auditor.",
        )
    bad = [(line, what) for line in facts.hba or () if (what := _wrong_with(line))]
    accepted = [line for line, _ in bad if accepts and line.method == "trust" and line.kind in ("local", "host")]
    if accepted:
        numbers = ", ".join(str(line.number) for line in accepted)
        yield take_care(
            place("signing in"),
            f"pg_hba.conf, lines {numbers}: trust lets whoever reaches the socket be anybody. Accepted here: {DEMONSTRATION}",
        )
    for line, what in bad:
        if line not in accepted:
            yield wrong(
                place("signing in"),
                f"pg_hba.conf, line {line.number}: {what} Correct it (docs/store.md has a whole file) and reload the server.",
            )


def _wrong_with(line: HbaLine) -> str:
    if line.is_broken:
        return "it cannot be read, so the server keeps the file of before, or does not start."
    if line.kind in ("host", "hostnossl") and line.method != "reject":
        return f"{line.kind} lets passwords and rows cross the network in clear. Only hostssl may let anybody in."
    if line.kind == "hostgssenc" and line.method != "reject":
        return "it lets somebody in by Kerberos, under no certificate of ours."
    if line.kind == "hostssl" and line.method not in _OVER_TLS:
        return f"{line.method} has no channel binding or no password at all: whoever sits in between is let in. Use scram-sha-256."
    if line.kind == "local" and line.method not in _LOCAL:
        return f"{line.method} lets whoever is on the machine be anybody. Use peer or scram-sha-256."
    return ""


def _passwords(facts: Facts) -> Iterator[Verdict]:
    if facts.passwords is None:
        yield take_care(
            place("signing in"),
            f"of which kind others' passwords are: {_ONLY_AN_ADMINISTRATOR}",
        )
    for role, kind in (facts.passwords or {}).items():
        if kind == "md5":
            yield wrong(
                place("signing in"),
                f"the password of {role} is kept as md5, which is as good as the password. Give a new one: gp-central store init.",
            )


def _code(facts: Facts) -> Iterator[Verdict]:
    said = [*_strangers(facts)]
    if facts.version < _OLDEST:
        said.append(wrong(place("server"), f"PostgreSQL is older than 15 ({facts.version}). Upgrade it."))
    yield from said or [
        ok(place("server"), f"PostgreSQL {facts.version // 10000}, with no extension or library that nobody agreed to")
    ]


def _strangers(facts: Facts) -> Iterator[Verdict]:
    listed = facts.settings.get("shared_preload_libraries", "").replace('"', "").split(",")
    for library in sorted({word.strip() for word in listed} - _LIBRARIES - {""}):
        yield wrong(
            place("server"),
            f"the server loads {library}, which is not promised: such code sees every row. Take it out, or have it reviewed.",
        )
    for extension in sorted(facts.extensions - _EXTENSIONS):
        yield wrong(
            place("server"),
            f"extension {extension} is there and not promised: such code sees every row. DROP EXTENSION, or have it reviewed.",
        )
