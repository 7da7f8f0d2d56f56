from datetime import date, timedelta

from satchel.dates import age_on, humanise, parse_duration


def test_humanise():
    assert humanise(timedelta(hours=2, minutes=50)) == "2 hours"


def test_parse_duration():
    assert parse_duration("1h30m") == timedelta(minutes=90)


def test_age_on():
    assert age_on(date(1990, 5, 4), date(2020, 5, 4)) == 30
