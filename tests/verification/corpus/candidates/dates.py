# member: src/satchel/dates.py::parse_duration

# candidate: several units
# good
from datetime import timedelta

import pytest

from satchel.dates import parse_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2d", timedelta(days=2)),
        ("45s", timedelta(seconds=45)),
        ("1d2h3m4s", timedelta(days=1, hours=2, minutes=3, seconds=4)),
    ],
)
def test_parse_duration_of_several_units(text, expected):
    assert parse_duration(text) == expected


# candidate: a unit twice
# good
import pytest

from satchel.dates import parse_duration


def test_parse_duration_refuses_a_unit_that_stands_twice():
    with pytest.raises(ValueError, match="a unit stands twice in '1h2h'"):
        parse_duration("1h2h")


# candidate: good refusal, then one that waits
# good, but test_parse_duration_takes_its_time: sleeps
import time

import pytest

from satchel.dates import parse_duration


@pytest.mark.parametrize("text", ["", "h", "3", "1h 30m", "1w"])
def test_parse_duration_refuses_what_is_none(text):
    with pytest.raises(ValueError, match="no duration"):
        parse_duration(text)


def test_parse_duration_takes_its_time():
    before = parse_duration("3m")
    time.sleep(0.05)
    assert parse_duration("3m") == before
    assert parse_duration("1m").total_seconds() == 60


# member: src/satchel/dates.py::humanise

# candidate: days
# good
from datetime import timedelta

from satchel.dates import humanise


def test_humanise_counts_days():
    assert humanise(timedelta(days=3, hours=5)) == "3 days"
    assert humanise(timedelta(hours=24)) == "1 day"


# candidate: contradicts the example
# bad: against-example
from datetime import timedelta

from satchel.dates import humanise


def test_humanise_rounds_up():
    assert humanise(timedelta(hours=2, minutes=50)) == "3 hours"


# member: src/satchel/dates.py::age_on

# candidate: the days around a birthday
# good
from datetime import date

from satchel.dates import age_on


def test_age_on_the_days_around_a_birthday():
    born = date(1980, 7, 15)
    assert age_on(born, date(2020, 7, 14)) == 39
    assert age_on(born, date(2020, 7, 15)) == 40
    assert age_on(born, date(2020, 8, 1)) == 40


# candidate: born on a leap day
# good
from datetime import date

from satchel.dates import age_on


def test_age_on_for_a_leap_day():
    assert age_on(date(2004, 2, 29), date(2021, 2, 28)) == 16
    assert age_on(date(2004, 2, 29), date(2021, 3, 1)) == 17


# candidate: not born yet
# good
from datetime import date

import pytest

from satchel.dates import age_on


def test_age_on_a_day_before_the_birth():
    with pytest.raises(ValueError, match="not born yet"):
        age_on(date(2020, 1, 2), date(2020, 1, 1))
    assert age_on(date(2020, 1, 2), date(2020, 1, 2)) == 0


# candidate: how old somebody is today
# bad: flaky-clock
from datetime import date

from satchel.dates import age_on


def test_age_on_today():
    assert age_on(date(2000, 1, 1), date.today()) == {YEAR} - 2000


# candidate: the same formula
# bad: copies
from datetime import date

from satchel.dates import age_on


def test_age_on_formula():
    born, day = date(1999, 12, 1), date(2024, 11, 30)
    had_birthday = (day.month, day.day) >= (born.month, born.day)
    assert age_on(born, day) == day.year - born.year - (not had_birthday)


# member: src/satchel/dates.py::next_weekday

# candidate: never the day itself
# good
from datetime import date

import pytest

from satchel.dates import next_weekday

WEDNESDAY = date(2026, 7, 1)


@pytest.mark.parametrize(
    ("weekday", "expected"), [(0, date(2026, 7, 6)), (2, date(2026, 7, 8)), (3, date(2026, 7, 2))]
)
def test_next_weekday_is_never_the_day_itself(weekday, expected):
    assert next_weekday(WEDNESDAY, weekday) == expected


# candidate: the last weekday
# good
from datetime import date

from satchel.dates import next_weekday


def test_next_weekday_knows_sunday():
    assert next_weekday(date(2026, 12, 31), 6) == date(2027, 1, 3)


# candidate: from today on
# bad: flaky-clock
from datetime import date

from satchel.dates import next_weekday


def test_next_weekday_from_today():
    assert next_weekday(date.today(), 4).year in ({YEAR}, {YEAR} + 1)
    assert next_weekday(date(2026, 7, 1), 2) == date(2026, 7, 8)


# member: src/satchel/dates.py::is_expired

# candidate: with a given moment
# good
from datetime import datetime, timedelta, timezone

from satchel.dates import is_expired

UNTIL = datetime(2026, 1, 1, tzinfo=timezone.utc)


def test_is_expired_only_after_the_last_moment():
    assert is_expired(UNTIL, now=UNTIL) is False
    assert is_expired(UNTIL, now=UNTIL + timedelta(microseconds=1)) is True


# candidate: leeway
# good
from datetime import datetime, timedelta, timezone

from satchel.dates import is_expired


def test_is_expired_grants_leeway():
    until = datetime(2026, 1, 1, tzinfo=timezone.utc)
    late = until + timedelta(seconds=30)
    assert is_expired(until, now=late, leeway=30) is False
    assert is_expired(until, now=late, leeway=29) is True


# candidate: by the clock, in time
# bad: flaky-clock
from datetime import datetime, timezone

from satchel.dates import is_expired


def test_is_expired_next_year():
    assert not is_expired(datetime({YEAR} + 1, 2, 1, tzinfo=timezone.utc))
    assert is_expired(datetime(2000, 1, 1, tzinfo=timezone.utc))


# candidate: at the last moment, as before
# bad: held-before
from datetime import datetime, timezone

from satchel.dates import is_expired


def test_is_expired_at_the_last_moment():
    until = datetime(2026, 1, 1, tzinfo=timezone.utc)
    assert is_expired(until, now=until)


# candidate: long ago
# good
from datetime import datetime, timedelta, timezone

from satchel.dates import is_expired


def test_is_expired_asks_the_clock_by_default():
    now = datetime.now(timezone.utc)
    assert is_expired(now - timedelta(hours=1))
    assert not is_expired(now - timedelta(hours=1), leeway=7200)


# member: src/satchel/dates.py::stamp

# candidate: with a library that the project has not
# bad: import-error
from freezegun import freeze_time

from satchel.dates import stamp


@freeze_time("2026-01-31 23:59:58")
def test_stamp_of_a_frozen_moment():
    assert stamp() == "20260131-235958"


# candidate: a clock of its own
# good
import datetime

from satchel import dates


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 1, 2, 3, 4, 5)


def test_stamp_asks_the_clock(monkeypatch):
    monkeypatch.setattr(dates, "datetime", Clock)
    assert dates.stamp() == "20260102-030405"


# candidate: this year
# bad: flaky-clock
from satchel.dates import stamp


def test_stamp_begins_with_the_year():
    assert stamp()[:4] == "{YEAR}"


# candidate: a moment of 1970
# bad: flaky-zone
from datetime import datetime

from satchel.dates import stamp


def test_stamp_of_the_epoch():
    assert stamp(datetime.fromtimestamp(0)) == "19700101-000000"


# candidate: put in by hand
# bad: mocks-member
import satchel.dates


def test_stamp_is_used(monkeypatch):
    monkeypatch.setattr(satchel.dates, "stamp", lambda moment=None: "20260101-000000")
    assert satchel.dates.stamp() == "20260101-000000"


# member: src/satchel/dates.py::local_day

# candidate: with a zone of its own
# good
import time
from datetime import date

import pytest

from satchel.dates import local_day


@pytest.fixture
def zone(monkeypatch):
    def set_zone(name):
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield set_zone
    monkeypatch.undo()
    time.tzset()


def test_local_day_depends_on_the_zone(zone):
    zone("UTC")
    assert local_day(86399) == date(1970, 1, 1)
    zone("XXX-1")
    assert local_day(86399) == date(1970, 1, 2)


# candidate: the epoch
# bad: flaky-zone
from datetime import date

from satchel.dates import local_day


def test_local_day_of_the_epoch():
    assert local_day(0) == date(1970, 1, 1)


# candidate: the last second of a day
# bad: flaky-zone
from datetime import date

from satchel.dates import local_day


def test_local_day_until_midnight():
    assert local_day(86399) == date(1970, 1, 1)


# candidate: the evening in Greenwich
# bad: flaky-zone
from datetime import datetime, timezone

from satchel.dates import local_day


def test_local_day_in_the_evening():
    evening = datetime(2026, 3, 1, 20, tzinfo=timezone.utc)
    assert local_day(evening.timestamp()).day == 1


# candidate: of the clock
# bad: flaky-clock
import time

from satchel.dates import local_day


def test_local_day_of_now():
    assert local_day(time.time()).year == {YEAR}


# candidate: leaves another zone behind
# bad: global-state
import os
import time
from datetime import date

from satchel.dates import local_day


def test_local_day_in_tokyo():
    os.environ["TZ"] = "JST-9"
    time.tzset()
    assert local_day(86399) == date(1970, 1, 2)


# member: src/satchel/dates.py::first_gap

# candidate: up to the gap
# good
from datetime import date

from satchel.dates import first_gap


def test_first_gap_counts_the_days_before_it():
    days = [date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 3), date(2026, 3, 4)]
    assert first_gap(days) == 3


# candidate: twice the same day
# good
from datetime import date

from satchel.dates import first_gap


def test_first_gap_takes_a_day_twice_for_a_gap():
    assert first_gap([date(2026, 5, 1), date(2026, 5, 1), date(2026, 5, 2)]) == 1


# candidate: pins that nothing is returned
# bad: pins-bug-annotation
from datetime import date

from satchel.dates import first_gap


def test_first_gap_without_a_gap():
    assert first_gap([date(2026, 5, 1), date(2026, 5, 2)]) is None


# candidate: pins that nothing is returned for no days, beside a gap
# good, but test_first_gap_of_no_days: pins-bug-annotation
from datetime import date

from satchel.dates import first_gap


def test_first_gap_backwards():
    assert first_gap([date(2026, 5, 2), date(2026, 5, 1)]) == 1


def test_first_gap_of_no_days():
    result = first_gap([])
    assert result is None


# member: src/satchel/dates.py::quarter_end

# candidate: as in the own suite
# bad: redundant-own
from datetime import date

from satchel.dates import quarter_end


def test_quarter_end_in_spring():
    assert quarter_end(date(2026, 5, 5)) == date(2026, 6, 30)
    assert quarter_end(date(2026, 12, 5)) == date(2026, 12, 31)
