# SPDX-License-Identifier: BSD-3-Clause
"""Who may come in: users with their passwords, their sessions, and boards with their tokens. No default password, and
nothing in the database lets anybody in who reads it."""

import hashlib
import secrets
import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from shiftcore.driver.service.site import NAME
from shiftcore.errors import UserError
from shiftcore.station.database import Database
from shiftcore.station.tables import ROLES, Board, Login, User

ADMIN = "admin"
SESSION_DAYS = 7
SHORTEST, LONGEST = 10, 200  # characters of a password
FAILURES, WITHIN_S, REMEMBERED = 10, 900.0, 10_000  # of a name or an address before it must wait; keys kept at most


class RefusedError(Exception):
    """What somebody may not, in a sentence for them."""


@dataclass(frozen=True)
class Person:
    """A user, as a page knows them."""

    id: int
    name: str
    role: str
    must_change: bool

    def may(self, role: str) -> bool:
        """Whether they may what `role` may."""
        return ROLES.index(self.role) >= ROLES.index(role)


class Limit:
    """Counts failures by keys: a key that has had `FAILURES` in the last `WITHIN_S` seconds must wait."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, *keys: str) -> None:
        """Raises RefusedError where one of them must wait."""
        now = time.monotonic()
        with self._lock:
            for key in keys:
                times = self._failures.get(key, deque[float]())
                if len(times) == FAILURES and now - times[0] < WITHIN_S:
                    raise RefusedError("Too many attempts; try again in a quarter of an hour.")

    def count(self, *keys: str) -> None:
        """One more failure of each."""
        with self._lock:
            for key in keys:
                self._failures.setdefault(key, deque(maxlen=FAILURES)).append(time.monotonic())
                self._failures.move_to_end(key)
            while len(self._failures) > REMEMBERED:
                self._failures.popitem(last=False)

    def clear(self, key: str) -> None:
        """It has succeeded."""
        with self._lock:
            self._failures.pop(key, None)


class Accounts:
    """Users, sessions and boards in `database`."""

    def __init__(self, database: Database, hasher: PasswordHasher | None = None) -> None:
        self._database, self._hasher = database, hasher or PasswordHasher()
        self._limit, self._hashing = Limit(), threading.Semaphore(2)  # each takes 64 MiB

    @cached_property
    def _nobody(self) -> str:
        """What a password is compared with where there is no such user, so that it takes as long."""
        return self._hasher.hash(secrets.token_urlsafe())

    def first_password(self) -> str:
        """A one-time password of the admin's; "" where somebody has come in already. Each start gives another until
        one was used."""
        with self._database.writing() as session:
            users = session.scalars(select(User)).all()
            if any(not user.must_change for user in users):
                return ""
            password = secrets.token_urlsafe(12)
            admin = next((user for user in users if user.name == ADMIN), None)
            if admin is None:
                admin = User(name=ADMIN, role="admin")
                session.add(admin)
            admin.password, admin.must_change = self._hasher.hash(password), True
            return password

    def log_in(self, name: str, password: str, address: str) -> str:
        """The cookie of a new session. Raises RefusedError, which does not say whether there is such a user."""
        keys = f"name {name[:80]}", f"address {address}"
        self._limit.check(*keys)
        with self._database.reading() as session:
            user = session.scalar(select(User).where(User.name == name)) if name.isprintable() else None
        good = self._is(user.password if user else self._nobody, password)
        if not (user and good):
            self._limit.count(*keys)
            raise RefusedError("That is no user with that password.")
        self._limit.clear(keys[0])
        with self._database.writing() as session:
            session.execute(delete(Login).where(Login.until < _now()))
            return _new_session(session, user.id)

    def who(self, cookie: str) -> Person | None:
        """Whose session that is; None where it is none, or no more."""
        with self._database.reading() as session:
            found = session.execute(
                select(User).join(Login).where(Login.key == _hash(cookie), Login.until >= _now())
            ).scalar()
            return Person(found.id, found.name, found.role, found.must_change) if found else None

    def log_out(self, cookie: str) -> None:
        """End a session."""
        with self._database.writing() as session:
            session.execute(delete(Login).where(Login.key == _hash(cookie)))

    def change_password(self, person: Person, old: str, new: str, address: str) -> str:
        """Another password; ends all sessions of theirs and returns the cookie of a new one. Raises RefusedError."""
        keys = f"name {person.name}", f"address {address}"
        self._limit.check(*keys)
        with self._database.reading() as session:
            known = session.get_one(User, person.id).password
        if not self._is(known, old):
            self._limit.count(*keys)
            raise RefusedError("The old password is another.")
        if not SHORTEST <= len(new) <= LONGEST or new in (old, person.name):
            raise RefusedError(f"A new password has {SHORTEST} to {LONGEST} characters, and is not the old one.")
        hashed = self._hash(new)
        with self._database.writing() as session:
            user = session.get_one(User, person.id)
            user.password, user.must_change = hashed, False
            session.execute(delete(Login).where(Login.user_id == person.id))
            return _new_session(session, person.id)

    def set_user(self, name: str, role: str, by: Person) -> str:
        """Make a user, or give one another role; their one-time password, which ends their sessions. Raises
        RefusedError."""
        if not NAME.fullmatch(name) or role not in ROLES:
            raise RefusedError(f"A name is of letters, digits, - and _; a role is one of {', '.join(ROLES)}.")
        if name == by.name:
            raise RefusedError("That is you; another admin can do that.")
        password = secrets.token_urlsafe(12)
        hashed = self._hash(password)
        with self._database.writing() as session:
            user = session.scalar(select(User).where(User.name == name))
            if user is None:
                user = User(name=name)
                session.add(user)
            else:
                session.execute(delete(Login).where(Login.user_id == user.id))
            user.password, user.role, user.must_change = hashed, role, True
        return password

    def set_board(self, name: str) -> str:
        """Make a board, or give one another token, which is returned; one that it had is no longer good. Raises
        UserError for what is no name."""
        if not NAME.fullmatch(name):
            raise UserError(f"{name!r}: a board's name is of letters, digits, - and _, 63 at most")
        token = secrets.token_urlsafe(32)
        with self._database.writing() as session:
            board = session.scalar(select(Board).where(Board.name == name))
            if board is None:
                board = Board(name=name)
                session.add(board)
            board.token = _hash(token)
        return token

    def board(self, token: str) -> int | None:
        """The board whose token that is; None where it is nobody's."""
        with self._database.reading() as session:
            return session.scalar(select(Board.id).where(Board.token == _hash(token)))

    def board_called(self, name: str) -> int | None:
        """The board of that name, if there is one."""
        with self._database.reading() as session:
            return session.scalar(select(Board.id).where(Board.name == name))

    def _hash(self, password: str) -> str:
        with self._hashing:
            return self._hasher.hash(password)

    def _is(self, hashed: str, password: str) -> bool:
        if len(password) > LONGEST:
            return False
        try:
            with self._hashing:
                return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False


def _new_session(session: Session, user: int) -> str:
    cookie = secrets.token_urlsafe(32)
    session.add(Login(key=_hash(cookie), user_id=user, until=_now() + timedelta(days=SESSION_DAYS)))
    return cookie


def _hash(secret: str) -> str:
    """Of what is random and long; passwords are hashed slowly."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _now() -> datetime:
    return datetime.now(timezone.utc)
